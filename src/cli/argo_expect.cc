#include "cli/argo_expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "argo/check/expectations.h"

namespace ordeal::cli {
namespace {

Result<argo::Manifest> read_manifest(const std::vector<json::Document>& documents) {
  argo::Manifest manifest;
  for (const json::Document& document : documents) TRY_VOID(argo::add_document(manifest, document));
  return manifest;
}

Result<> add_expectations(std::vector<Expectation> derived, Experiment& experiment) {
  for (Expectation& expectation : derived) {
    for (const Expectation& other : experiment.expect)
      if (other.name == expectation.name)
        return fail(Errc::kInvalidInput,
                    fmt::format("the name \"{}\" is already taken by an expectation of the experiment", other.name));
    experiment.expect.push_back(std::move(expectation));
  }
  return {};
}

// Where the file does not say in which namespace the Rollout is, it is the target's.
std::string namespace_of(const argo::Rollout& rollout, const Target& target) {
  if (!rollout.namespace_.empty()) return rollout.namespace_;
  return target.namespace_.empty() ? "default" : target.namespace_;
}

void add_rollback(const argo::Derived& derived, Experiment& experiment, std::vector<std::string>& notes) {
  if (experiment.rollback) {
    notes.push_back("the experiment says itself what is done after a breach; the file's Rollout is left alone");
    return;
  }
  experiment.rollback.emplace();
  for (const argo::Rollout* rollout : derived.rollouts) {
    RollbackAction action;
    action.what = RolloutAction{rollout->name, namespace_of(*rollout, experiment.target), "abort"};
    experiment.rollback->push_back(std::move(action));
    notes.push_back(fmt::format("after a breach the Rollout {} is aborted", rollout->name));
  }
  if (experiment.rollback->empty()) experiment.rollback.reset();
}

Result<> merge(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared) {
  argo::Manifest manifest = TRY(read_manifest(documents));
  Sources& sources = prepared.experiment.sources;
  argo::DeriveOptions derive;
  if (const char* address = std::getenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS")) derive.environment_address = address;
  derive.own_source = !options.prometheus.empty() || !sources.prometheus.empty() || !sources.scrape.empty();
  argo::Derived derived = TRY(argo::derive_expectations(manifest, derive));
  TRY_VOID(add_expectations(std::move(derived.expect), prepared.experiment));
  if (!derive.own_source) sources.prometheus = derived.prometheus;
  prepared.notes = std::move(derived.notes);
  for (std::string& warning : derived.warnings) prepared.warnings.push_back(std::move(warning));
  if (!options.no_rollback) add_rollback(derived, prepared.experiment, prepared.notes);
  return {};
}

}  // namespace

bool is_argo_file(const std::vector<json::Document>& documents) {
  return std::any_of(documents.begin(), documents.end(),
                     [](const json::Document& document) { return argo::is_argo_object(document.value); });
}

Result<> expect_argo(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared) {
  auto merged = merge(options, documents, prepared);
  if (!merged) return wrap(merged.error(), options.expect);
  return {};
}

}  // namespace ordeal::cli
