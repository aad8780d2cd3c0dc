#include "app/cli/cluster/plan/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/release.h"
#include "core/base/io/wait.h"
#include "core/model/cluster/names.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

constexpr std::array<std::pair<std::string_view, kube::Resource>, 6> kWorkloads{{
    {"Deployment", kube::kDeployments},
    {"StatefulSet", kube::kStatefulSets},
    {"DaemonSet", kube::kDaemonSets},
    {"ReplicaSet", kube::kReplicaSets},
    {"Rollout", kube::kRollouts},
    {"Service", kube::kServices},
}};

// Page by page: of ten thousand pods as they come only the little is kept that a selection looks at.
template <typename T>
kube::Answer<std::vector<T>> read_all(const Connection& to, const kube::Resource& resource, const std::string& space,
                                      Result<T> (*read)(const json::Value&)) {
  std::vector<T> all;
  std::optional<kube::Answer<std::string>> done;
  kube::Client::List list{.resource = resource, .object = {space, ""}};
  list.page = [&](json::Array&& items) {
    for (const json::Value& item : items)
      if (auto one = read(item)) all.push_back(std::move(*one));
  };
  list.restart = [&] { all.clear(); };
  list.done = [&](kube::Answer<std::string> answer) { done = std::move(answer); };
  to.client->list(std::move(list));
  while (!done) {
    wait_readable({to.client->descriptor()}, to.client->next_wake() - boot_now());
    to.client->dispatch();
  }
  if (!*done) return tl::unexpected(done->error());
  return all;
}

class Reading {
 public:
  Reading(const Connection& to, const ClusterOptions& where, const Experiment& experiment, std::string space)
      : to_(to), where_(where), target_(experiment.target), space_(std::move(space)) {
    if (!target_.namespace_.empty()) space_of_target_ = target_.namespace_;
    if (target_.namespace_.empty()) space_of_target_ = space_;
  }

  Result<ClusterFacts> all() {
    TRY_VOID(read_pods());
    TRY_VOID(read_runs());
    TRY_VOID(read_workload());
    read_or_note("nodes", kube::kNodes, "", cluster::node_from_json, facts_.view.nodes);
    bool of_nodes = target_.type == TargetType::kNode || target_.type == TargetType::kHost;
    read_or_note("disruption budgets", kube::kBudgets, of_nodes ? "" : space_of_target_, cluster::budget_from_json,
                 facts_.view.budgets);
    read_halt();
    TRY_VOID(read_release());
    return std::move(facts_);
  }

 private:
  void note(const std::string& what, const kube::ApiFailure& failure) {
    facts_.unread.push_back(fmt::format("{}: {}", what, failure.message));
  }

  template <typename T>
  void read_or_note(const std::string& what, const kube::Resource& resource, const std::string& space,
                    Result<T> (*read)(const json::Value&), std::vector<T>& into) {
    auto found = read_all<T>(to_, resource, space, read);
    if (!found) return note(what, found.error());
    into = std::move(*found);
  }

  Result<> read_pods() {
    auto pods = read_all<cluster::Pod>(to_, kube::kPods, "", cluster::pod_from_json);
    if (!pods && pods.error().kind == Kind::kForbidden) {
      note("pods of other namespaces", pods.error());
      pods = read_all<cluster::Pod>(to_, kube::kPods, space_of_target_, cluster::pod_from_json);
    }
    if (!pods) return tl::unexpected(error_of(pods.error(), "cannot list the pods of " + space_of_target_));
    facts_.view.pods = std::move(*pods);
    return {};
  }

  // Those that are active count against the caps.
  Result<> read_runs() {
    auto runs = fetch_all(to_, kube::kExperiments);
    if (!runs && runs.error().kind == Kind::kForbidden) {
      note("experiments of other namespaces", runs.error());
      runs = fetch_all(to_, kube::kExperiments, {space_, ""});
    }
    if (!runs) return tl::unexpected(error_of(runs.error(), "cannot list the experiments"));
    for (const json::Value& run : *runs) {
      if (text_at(run, "status.run").empty() || has_condition(run, "Complete")) continue;
      int64_t victims = number_at(run, "status.victims");
      std::string hit = text_at(run, "spec.target.namespace");
      ++facts_.load.runs;
      facts_.load.targets += victims;
      facts_.load.pods[hit.empty() ? text_at(run, "metadata.namespace") : hit] += victims;
    }
    return {};
  }

  Result<> read_workload() {
    if (!target_.workload) return {};
    const auto& [kind, name] = *target_.workload;
    for (const auto& [known, resource] : kWorkloads) {
      if (known != kind) continue;
      auto found = kube::ask(*to_.client, kube::get(resource, {space_of_target_, name}));
      if (!found && found.error().kind == Kind::kNotFound) return {};  // the selection says that it is not there
      if (!found) return tl::unexpected(error_of(found.error(), fmt::format("cannot read the {} {}", kind, name)));
      facts_.view.workloads.push_back(TRY(cluster::workload_from_json(kind, *found)));
    }
    return {};
  }

  void read_halt() {
    auto found = kube::ask(*to_.client, kube::get(kube::kHalts, {"", cluster::kHaltName}));
    if (found) facts_.halt = cluster::halt_from_json(&*found);
    if (!found && found.error().kind != Kind::kNotFound) note("the halt", found.error());
  }

  Result<> read_release() {
    auto release = find_release(to_, where_);
    if (!release && release.error().code == Errc::kInvalidInput) return tl::unexpected(release.error());
    facts_.installed = release && *release;
    facts_.missing = release && !*release;
    if (!release) facts_.unread.push_back("the installation: " + release.error().message());
    Release usual;
    usual.policy_name = cluster::kPolicyConfigMap;
    if (!where_.release.empty()) usual.namespace_ = usual.policy_namespace = where_.release;
    const Release& known = facts_.installed ? **release : usual;
    facts_.may_roll_back = known.may_roll_back;
    facts_.only_watches = facts_.installed && !known.whole_cluster;
    facts_.own_namespace = known.namespace_;
    read_policy(known);
    read_agents(known);
    return {};
  }

  void read_policy(const Release& release) {
    std::string name = release.policy_namespace + "/" + release.policy_name;
    facts_.policy_origin = "ConfigMap " + name;
    auto found = kube::ask(*to_.client, kube::get(kube::kConfigMaps, {release.policy_namespace, release.policy_name}));
    if (!found && found.error().kind != Kind::kNotFound) {
      facts_.policy_unread = true;
      facts_.policy_refusal = Error{Errc::kRefused, "the policy cannot be read: " + found.error().message, 0,
                                    "the role ordeal-viewer may read what a plan needs", nullptr};
      return;
    }
    auto text = found ? policy_text(*found) : std::nullopt;
    if (text) facts_.policy = std::move(*text);
    if (text) return;
    facts_.policy_refusal = Error{Errc::kRefused, fmt::format("there is no policy in the {}", facts_.policy_origin), 0,
                                  "`ordeal install` says what is missing", nullptr};
  }

  static std::optional<std::string> policy_text(const json::Value& config_map) {
    const json::Value* data = field_at(config_map, "data");
    if (!data || !data->is_object()) return std::nullopt;
    const json::Object& keys = data->get_object();
    const json::Value* text = keys.if_contains(cluster::kPolicyKey);
    if (!text && keys.size() == 1) text = &keys.begin()->value();
    if (!text || !text->is_string()) return std::nullopt;
    return std::string(text->get_string());
  }

  void read_agents(const Release& release) {
    auto pods = fetch_all(to_, kube::kPods, {release.namespace_, ""}, labels_of_part("agent"));
    if (!pods) return note("the agents", pods.error());
    facts_.agents.emplace();
    for (const json::Value& pod : *pods)
      if (has_condition(pod, "Ready")) facts_.agents->insert(text_at(pod, "spec.nodeName"));
  }

  const Connection& to_;
  const ClusterOptions& where_;
  const Target& target_;
  std::string space_, space_of_target_;
  ClusterFacts facts_;
};

}  // namespace

Result<ClusterFacts> read_facts(const Connection& to, const ClusterOptions& where, const Experiment& experiment,
                                const std::string& space) {
  return Reading(to, where, experiment, space).all();
}

}  // namespace ordeal::cli
