#include "run/session/argo_expect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "interop/argo/check/expectations.h"

namespace ordeal::session {
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

// Names become part of kubectl's arguments.
Result<RolloutAction> abort_of(const argo::Rollout& rollout, const Target& target) {
  auto refuse = [&](const char* field, const std::string& why) {
    return fail(Errc::kInvalidInput,
                fmt::format("line {}: metadata.{}: {}",
                            argo::line_in(rollout.origin, fmt::format("metadata.{}", field)), field, why),
                "give the experiment its own `rollback`, or --no-rollback");
  };
  if (rollout.generated_name)
    return refuse("generateName", "a Rollout whose name the cluster makes up cannot be aborted by name");
  RolloutAction action{rollout.name, namespace_of(rollout, target), "abort"};
  if (!is_object_name(action.name)) return refuse("name", fmt::format("\"{}\" is not a Kubernetes name", action.name));
  if (!is_object_name(action.namespace_))
    return refuse("namespace", fmt::format("\"{}\" is not a Kubernetes namespace", action.namespace_));
  return action;
}

Result<> add_rollback(const argo::Derived& derived, Experiment& experiment, std::vector<std::string>& notes) {
  if (experiment.rollback) {
    notes.push_back("the experiment defines its own rollback; the file's Rollout is left alone");
    return {};
  }
  experiment.rollback.emplace();
  for (const argo::Rollout* rollout : derived.rollouts) {
    RollbackAction action;
    action.what = TRY(abort_of(*rollout, experiment.target));
    experiment.rollback->push_back(std::move(action));
    notes.push_back(fmt::format("after a breach the Rollout {} is aborted", rollout->name));
  }
  if (experiment.rollback->empty()) experiment.rollback.reset();
  return {};
}

Result<> merge(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared) {
  argo::Manifest manifest = TRY(read_manifest(documents));
  Sources& sources = prepared.experiment.sources;
  argo::DeriveOptions derive;
  derive.args = TRY(read_args(options.args));
  if (const char* address = std::getenv("ARGO_ROLLOUTS_PROMETHEUS_ADDRESS")) derive.environment_address = address;
  derive.own_source = !options.prometheus.empty() || !sources.prometheus.empty() || !sources.scrape.empty();
  argo::Derived derived = TRY(argo::derive_expectations(manifest, derive));
  TRY_VOID(add_expectations(std::move(derived.expect), prepared.experiment));
  if (!derive.own_source) sources.prometheus = derived.prometheus;
  prepared.notes = std::move(derived.notes);
  for (std::string& warning : derived.warnings) prepared.warnings.push_back(std::move(warning));
  if (!options.no_rollback) TRY_VOID(add_rollback(derived, prepared.experiment, prepared.notes));
  return {};
}

}  // namespace

Result<std::map<std::string, std::string>> read_args(const std::vector<std::string>& given) {
  std::map<std::string, std::string> args;
  for (const std::string& arg : given) {
    size_t equals = arg.find('=');
    // What is given may be a secret and is not shown.
    if (equals == 0 || equals == std::string::npos)
      return fail(Errc::kInvalidInput, "--arg: expected NAME=VALUE, found one without a name or a value");
    args[arg.substr(0, equals)] = arg.substr(equals + 1);
  }
  return args;
}

bool is_argo_file(const std::vector<json::Document>& documents) {
  auto is_argo = [](const json::Document& document) { return argo::is_argo_object(document.value); };
  return std::any_of(documents.begin(), documents.end(), [&](const json::Document& document) {
    std::vector<json::Document> all = argo::unfold(document);
    return std::any_of(all.begin(), all.end(), is_argo);
  });
}

Result<> expect_argo(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared) {
  auto merged = merge(options, documents, prepared);
  if (!merged) return wrap(merged.error(), options.expect);
  return {};
}

}  // namespace ordeal::session
