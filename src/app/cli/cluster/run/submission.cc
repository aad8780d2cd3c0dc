#include "app/cli/cluster/run/submission.h"

#include <fmt/format.h>

#include "app/cli/cluster/objects.h"
#include "core/model/cluster/names.h"
#include "fault/attacks/fault.h"
#include "run/session/cluster_keys.h"

namespace ordeal::cli {
namespace {

constexpr size_t kSuffix = 6;  // "-k3x5q"
constexpr size_t kLongestLabel = 63;

json::Object& object_at(json::Object& object, std::string_view key) {
  json::Value& value = object[key];
  if (!value.is_object()) value.emplace_object();
  return value.get_object();
}

json::Array& array_at(json::Object& object, std::string_view key) {
  json::Value& value = object[key];
  if (!value.is_array()) value.emplace_array();
  return value.get_array();
}

bool is_resource(const json::Value& file) { return file.is_object() && file.get_object().contains("apiVersion"); }

json::Object spec_of(const json::Value& file) {
  if (!is_resource(file)) return file.get_object();
  return file.at("spec").get_object();
}

// Labels and annotations are the file's; the rest of its metadata is the server's.
json::Object metadata_of(const json::Value& file) {
  json::Object kept;
  for (const char* key : {"labels", "annotations"})
    if (const json::Value* value = field_at(file, std::string("metadata.") + key)) kept[key] = *value;
  return kept;
}

// What --expect adds, where it is a file of Ordeal's own: its decoder has refused whatever would contradict.
void add_own(json::Object& spec, const json::Object& more) {
  for (const auto& [key, value] : more) {
    if (key != "expect") {
      spec[key] = value;
      continue;
    }
    for (const json::Value& expectation : value.get_array()) array_at(spec, "expect").push_back(expectation);
  }
}

// What an Argo or OpenSLO file gave stands in the decoded experiment alone.
void add_derived(json::Object& spec, const Experiment& experiment) {
  json::Value decoded = to_json(experiment);
  json::Array& all = array_at(spec, "expect");
  const json::Array& whole = list_at(decoded, "expect");
  for (size_t i = all.size(); i < whole.size(); ++i) all.push_back(whole[i]);
  if (all.empty()) spec.erase("expect");
  if (!experiment.sources.prometheus.empty()) object_at(spec, "sources")["prometheus"] = experiment.sources.prometheus;
  const json::Value* rollback = field_at(decoded, "rollback");
  if (rollback && !spec.contains("rollback")) spec["rollback"] = *rollback;
}

Result<std::string> namespace_of(const session::Prepared& prepared, const ExperimentOptions& options,
                                 const std::string& context_namespace) {
  std::string own = text_at(prepared.file, "metadata.namespace");
  const std::string& asked = options.where.namespace_;
  if (!own.empty() && !asked.empty() && own != asked)
    return fail(Errc::kInvalidInput,
                fmt::format("{}: metadata.namespace is \"{}\", and -n says \"{}\"", options.experiment, own, asked));
  const std::string& of_target = prepared.experiment.target.namespace_;
  for (const std::string& one : {own, asked, of_target})
    if (!one.empty()) return one;
  return context_namespace;
}

}  // namespace

std::string Submission::name() const { return std::string(object.at("metadata").at("name").get_string()); }

void Submission::add_suffix(uint64_t random) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::string suffix = "-";
  for (size_t i = 1; i < kSuffix; ++i, random >>= 5) suffix += kLetters[random & 31];
  object["metadata"].get_object()["name"] = name() + suffix;
}

std::string dns_label(std::string_view name) {
  std::string label;
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a'), letter = true;
    if (letter) label += c;
    if (!letter && !label.empty() && label.back() != '-') label += '-';
  }
  if (label.size() > kLongestLabel - kSuffix) label.resize(kLongestLabel - kSuffix);
  while (label.ends_with('-')) label.pop_back();
  return label.empty() ? "experiment" : label;
}

Result<> refuse_flags_of_a_host(const ExperimentOptions& options) {
  auto refuse = [](const char* flag, const char* why) {
    return fail(Errc::kInvalidInput, fmt::format("{} means nothing in a cluster: {}", flag, why));
  };
  if (!options.inventory.empty()) return refuse("--inventory", "the API server knows the pods");
  if (!options.policies.empty())
    return refuse("--policy, or $ORDEAL_POLICY,", "its policy is a ConfigMap that `ordeal install` names");
  if (!options.listen.empty()) return refuse("--listen", "the controller watches, not this program");
  return {};
}

Result<session::Prepared> read_for_cluster(const ExperimentOptions& options) {
  TRY_VOID(refuse_flags_of_a_host(options));
  session::Prepared prepared;
  TRY_VOID(session::read_experiment(options, prepared));
  if (auto here = session::refuse_host_keys(prepared.experiment); !here) return wrap(here.error(), options.experiment);
  auto fault = fault::resolve(prepared.experiment.attack);
  if (!fault) return wrap(fault.error(), options.experiment);
  prepared.fault = *fault;
  if (auto checked = session::check_expectations(prepared.experiment); !checked)
    return wrap(checked.error(), options.expect.empty() ? options.experiment : options.expect);
  return prepared;
}

Result<Submission> make_submission(const session::Prepared& prepared, const ExperimentOptions& options,
                                   const std::string& context_namespace) {
  Submission submission;
  submission.namespace_ = TRY(namespace_of(prepared, options, context_namespace));
  json::Object spec = spec_of(prepared.file);
  if (prepared.expect_file.is_object()) add_own(spec, prepared.expect_file.get_object());
  add_derived(spec, prepared.experiment);
  if (options.no_rollback) spec.erase("rollback");
  std::string named = text_at(prepared.file, "metadata.name");
  json::Object metadata = metadata_of(prepared.file);
  metadata["name"] = named.empty() ? dns_label(prepared.experiment.name) : named;
  metadata["namespace"] = submission.namespace_;
  submission.object = {{"apiVersion", cluster::kApiVersion},
                       {"kind", "Experiment"},
                       {"metadata", std::move(metadata)},
                       {"spec", std::move(spec)}};
  return submission;
}

}  // namespace ordeal::cli
