#include "run/session/cluster_keys.h"

#include <fmt/format.h>

namespace ordeal::session {
namespace {

struct ClusterKey {
  const char* field;
  bool given;
  const char* instead;  // what to do on a host
};

constexpr const char* kByLabels = "on a host give labels, and an inventory that says who has them";
constexpr const char* kByName = "on a host give the name of the container, or its cgroup";
constexpr const char* kRunThere = "run it in a cluster: --cluster; or leave it out";
constexpr const char* kScrape = "on a host list the pages: sources.scrape: [{url: URL}]";
constexpr const char* kForward =
    "on a host put what answers without it in front of the server, or give a URL with user and password";

std::vector<ClusterKey> keys_of(const Target& target) {
  const Exclusion& exclude = target.exclude;
  bool excludes = !exclude.names.empty() || !exclude.nodes.empty() || !exclude.zones.empty() || exclude.selector;
  return {{"target.type", target.type == TargetType::kNode, "on a host say {type: host}"},
          {"target.selector", target.selector.has_value(), kByLabels},
          {"target.workload", target.workload.has_value(), kByLabels},
          {"target.container", !target.containers.empty(), kByName},
          {"target.zone", !target.zones.empty(), kRunThere},
          {"target.node", !target.nodes.empty(), kRunThere},
          {"target.exclude", excludes, "on a host protect them in the policy: protected.labels"},
          {"target.ready", target.ready, kRunThere},
          {"target.follow", target.follow, kRunThere}};
}

std::vector<ClusterKey> keys_of(const Experiment& experiment) {
  return {{"sources.access", experiment.sources.access.has_value(), kForward},
          {"sources.pods", experiment.sources.pods.has_value(), kScrape},
          {"environment", !experiment.environment.empty(), kRunThere},
          {"all_traffic", experiment.all_traffic, "on a host no such leave is needed: leave it out"}};
}

Result<> refuse_given(const std::vector<ClusterKey>& keys, const std::string& below) {
  for (const ClusterKey& key : keys)
    if (key.given)
      return fail(Errc::kInvalidInput, fmt::format("{}{}: only a cluster has it, and this is a host", below, key.field),
                  key.instead);
  return {};
}

}  // namespace

Result<> refuse_cluster_keys(const Experiment& experiment) {
  if (!experiment.is_combined()) TRY_VOID(refuse_given(keys_of(experiment.target), ""));
  for (size_t i = 0; experiment.is_combined() && i < experiment.parts.size(); ++i)
    TRY_VOID(refuse_given(keys_of(experiment.parts[i].target), fmt::format("attacks[{}].", i)));
  return refuse_given(keys_of(experiment), "");
}

Result<> refuse_host_keys(const Experiment& experiment) {
  if (experiment.parts.empty()) return {};
  const Part& part = experiment.parts.front();
  const char* key = experiment.is_combined() ? "attacks" : part.pulse ? "pulse" : "ramp";
  return fail(Errc::kInvalidInput, fmt::format("{}: only a host does it, and this is a cluster", key),
              "in a cluster give one steady attack, and run an experiment for each");
}

Result<> refuse_cluster_keys(const Policy& policy) {
  for (const ClusterKey& key : {ClusterKey{"caps.max_namespace_percent", policy.max_namespace_percent.has_value(), ""},
                                ClusterKey{"caps.max_cluster_percent", policy.max_cluster_percent.has_value(), ""},
                                ClusterKey{"caps.min_running", policy.min_running || policy.min_running_percent, ""},
                                ClusterKey{"require_environment", policy.require_environment, ""}})
    if (key.given)
      return fail(
          Errc::kInvalidInput,
          fmt::format("{}: {}: only a cluster has it, and here it would limit nobody", policy.origin, key.field),
          "give a host a policy of its own; caps.max_targets and caps.max_percent hold there as well");
  return {};
}

}  // namespace ordeal::session
