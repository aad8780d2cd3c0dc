#include "app/agent/node/node_view.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "app/agent/node/kubelet_links.h"
#include "app/agent/node/node_pods.h"
#include "core/json/reader.h"
#include "core/json/yaml.h"
#include "core/model/cluster/names.h"
#include "fault/attacks/fault.h"
#include "platform/sys/process/protected.h"

namespace ordeal::agent {
namespace {

std::string described(const kube::ObjectName& policy) {
  return fmt::format("ConfigMap {}/{}", policy.namespace_, policy.name);
}

Unexpected unknown_policy(const kube::ObjectName& name, const std::string& why) {
  return fail(Errc::kRefused, fmt::format("which policy applies is not known: {}: {}", described(name), why),
              "create it, or name another with the chart's policy.configMap");
}

// What makes a load works in the victim's cgroup, and is a child of a guard of ours.
bool is_our_helper(const sys::Process& process, const target::Snapshot& snapshot) {
  auto parent_of = [&](pid_t pid) {
    auto found = std::find_if(snapshot.processes.begin(), snapshot.processes.end(),
                              [pid](const sys::Process& one) { return one.pid == pid; });
    return found == snapshot.processes.end() ? 0 : found->ppid;
  };
  bool burner = process.comm == "ordeal-burn" || process.comm == "ordeal-load" ||
                process.exe.ends_with("/ordeal-guard");  // until it has named itself
  return burner && parent_of(process.ppid) == ::getpid();
}

Result<> refuse_protected(const Victim& victim, const target::Snapshot& snapshot) {
  if (victim.kind == VictimKind::kHost) return {};
  for (const sys::Process& process : snapshot.processes) {
    bool inside = std::find(victim.processes.begin(), victim.processes.end(),
                            ProcessId{process.pid, process.start_ticks}) != victim.processes.end();
    if (!inside || is_our_helper(process, snapshot)) continue;
    if (auto rule = sys::always_protected(process, snapshot.own))
      return fail(Errc::kRefused, fmt::format("{} is refused: {} (pid {})", victim.name, *rule, process.pid));
  }
  return {};
}

Result<> judge(const Victim& victim, const NodeView& view, const target::Snapshot& snapshot,
               const NodeIdentity& identity) {
  if (!victim.namespace_.empty() && victim.namespace_ == identity.namespace_)
    return fail(Errc::kRefused, fmt::format("{} is refused: the namespace {} is Ordeal's own, and always protected",
                                            victim.name, victim.namespace_));
  if (auto refusal = refusal_of(view.policy, victim))
    return fail(Errc::kRefused, victim.name + " is refused by " + refusal->rule);
  return refuse_protected(victim, snapshot);
}

// The policy protects pods on a node that is hit as it protects them as victims; its scope is of what may be chosen.
// Ordeal's own pods are on every node.
Result<> judge_everybody_on(const cluster::ClusterVictim& planned, const NodeView& view, const NodePods& pods,
                            const NodeIdentity& identity) {
  auto refuse = [&](const std::string& why) {
    return fail(Errc::kRefused, fmt::format("the node {} is refused: {}", identity.node, why));
  };
  if (planned.uid != view.node_uid)
    return fail(Errc::kNotInjected, fmt::format("the node {} was replaced: its uid is {}, that of the plan is {}",
                                                identity.node, view.node_uid, planned.uid));
  if (auto known = pods.check_all_known(); !known) return refuse(known.error().what);
  Policy protection = view.policy;
  protection.blast_radius.reset();
  for (const cluster::Pod& pod : view.pods) {
    Victim as_victim;
    as_victim.namespace_ = pod.namespace_;
    as_victim.labels = pod.labels;
    bool spared = pod.phase == "Succeeded" || pod.phase == "Failed" || pod.is_ordeals(identity.namespace_);
    auto refusal = spared ? std::nullopt : refusal_of(protection, as_victim);
    if (refusal) return refuse(fmt::format("the pod {}/{} is on it: {}", pod.namespace_, pod.name, refusal->rule));
  }
  return {};
}

Result<> check_namespace(const cluster::ClusterVictim& victim, const std::string& home, const Policy& policy) {
  bool node = victim.kind == "node";
  if (policy.cross_namespace || (!node && victim.namespace_ == home)) return {};
  std::string where = node ? "a node is in no namespace" : fmt::format("the target is in {}", victim.namespace_);
  return fail(Errc::kRefused, fmt::format("{}: cross_namespace is not allowed: {}, and the Experiment in {}",
                                          policy.origin, where, home));
}

Result<bool> cuts_the_node(const cluster::PlannedImpact& impact) {
  const fault::Fault* fault = TRY(fault::find_fault(impact.attack.type));
  return impact.victim.kind == "node" && fault->info().hits_network;
}

Result<Victim> find_one(const cluster::PlannedImpact& impact, const std::string& home, const NodeView& view,
                        const NodePods& pods, const target::Snapshot& snapshot, const NodeIdentity& identity) {
  const fault::Fault* fault = TRY(fault::find_fault(impact.attack.type));
  TRY_VOID(check_namespace(impact.victim, home, view.policy));
  bool node = impact.victim.kind == "node";
  if (node) TRY_VOID(judge_everybody_on(impact.victim, view, pods, identity));
  Victim victim = node ? node_victim(identity.node, view.node_labels, snapshot)
                       : TRY(pods.find(impact.victim, fault->info().hits_network));
  TRY_VOID(judge(victim, view, snapshot, identity));
  return victim;
}

}  // namespace

Result<std::string> policy_text(const json::Value& config_map, const kube::ObjectName& name) {
  const json::Object* object = config_map.if_object();
  const json::Value* found = object ? object->if_contains("data") : nullptr;
  const json::Object* data = found ? found->if_object() : nullptr;
  if (!data || data->empty()) return unknown_policy(name, "it has no data");
  const json::Value* text = data->if_contains(cluster::kPolicyKey);
  if (!text && data->size() == 1) text = &data->begin()->value();
  if (!text)
    return unknown_policy(name, fmt::format("it has {} keys and none is {}", data->size(), cluster::kPolicyKey));
  if (!text->is_string()) return unknown_policy(name, "its data is no text");
  return std::string(text->get_string());
}

Result<Policy> decode_cluster_policy(const std::string& text, const kube::ObjectName& name) {
  auto document = json::parse_document(text);
  if (!document) return unknown_policy(name, document.error().message());
  auto policy = decode_policy(*document, described(name));
  if (!policy) return unknown_policy(name, policy.error().message());
  return policy;
}

NodeReader::NodeReader(kube::Client& client, const NodeIdentity& identity, bool with_node,
                       std::function<void(Result<NodeView>)> done)
    : client_(client), identity_(identity), done_(std::move(done)) {
  waiting_for_ = with_node ? 3 : 2;
  tickets_.push_back(client_.send(kube::get(kube::kConfigMaps, identity_.policy),
                                  [this](kube::Answer<json::Value> answer) { take_policy(std::move(answer)); }));
  if (with_node)
    tickets_.push_back(client_.send(kube::get(kube::kNodes, {"", identity_.node}),
                                    [this](kube::Answer<json::Value> answer) { take_node(std::move(answer)); }));
  list_pods();
}

NodeReader::~NodeReader() {
  for (kube::Ticket ticket : tickets_) client_.cancel(ticket);
}

void NodeReader::list_pods() {
  kube::Client::List list;
  list.resource = kube::kPods;
  list.field_selector = "spec.nodeName=" + identity_.node;
  list.page = [this](json::Array&& items) { take_pods(std::move(items)); };
  list.restart = [this] { view_.pods.clear(); };
  list.done = [this](kube::Answer<std::string> answer) {
    if (!answer) return give_up(answer.error().error("cannot list the pods of the node " + identity_.node));
    got_one();
  };
  tickets_.push_back(client_.list(std::move(list)));
}

void NodeReader::take_pods(json::Array&& items) {
  for (const json::Value& item : items) {
    auto pod = cluster::pod_from_json(item);
    if (!pod) return give_up(wrap(pod.error(), "cannot read the pods of the node " + identity_.node).value());
    view_.pods.push_back(std::move(*pod));
  }
}

void NodeReader::take_policy(kube::Answer<json::Value> answer) {
  if (!answer) {
    if (answer.error().kind == kube::ApiFailure::Kind::kNotFound)
      return give_up(unknown_policy(identity_.policy, "there is none").value());
    return give_up(answer.error().error("cannot read the policy, the " + described(identity_.policy)));
  }
  auto text = policy_text(*answer, identity_.policy);
  if (!text) return give_up(text.error());
  auto policy = decode_cluster_policy(*text, identity_.policy);
  if (!policy) return give_up(policy.error());
  view_.policy_text = std::move(*text);
  view_.policy = std::move(*policy);
  got_one();
}

void NodeReader::take_node(kube::Answer<json::Value> answer) {
  if (!answer) return give_up(answer.error().error("cannot read the node " + identity_.node));
  auto node = cluster::node_from_json(*answer);
  if (!node) return give_up(node.error());
  view_.node_uid = std::move(node->uid);
  view_.node_labels = std::move(node->labels);
  got_one();
}

void NodeReader::give_up(Error error) {
  if (auto done = std::exchange(done_, nullptr)) done(tl::unexpected(std::move(error)));
}

void NodeReader::got_one() {
  if (--waiting_for_ > 0) return;
  if (auto done = std::exchange(done_, nullptr)) done(std::move(view_));
}

Result<FoundVictims> find_victims(const cluster::Injection& injection, const NodeView& view,
                                  const target::Snapshot& snapshot, const NodeIdentity& identity) {
  NodePods pods(view.pods, snapshot);
  FoundVictims found;
  // A guard takes a host only where nobody who is protected runs; our own pods run on every node.
  bool hits_node = std::any_of(injection.spec.impacts.begin(), injection.spec.impacts.end(),
                               [](const cluster::PlannedImpact& impact) { return impact.victim.kind == "node"; });
  found.inventory = TRY(pods.inventory(hits_node ? identity.namespace_ : ""));
  for (const cluster::PlannedImpact& impact : injection.spec.impacts)
    if (TRY(cuts_the_node(impact))) found.exemptions = TRY(exempt_kubelet(snapshot, view.pods));
  for (const cluster::PlannedImpact& impact : injection.spec.impacts)
    found.victims.push_back(find_one(impact, injection.namespace_, view, pods, snapshot, identity));
  return found;
}

}  // namespace ordeal::agent
