#include "app/agent/node/node_pods.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/io/file.h"
#include "core/json/value.h"
#include "platform/sys/cgroup/container.h"

namespace ordeal::agent {
namespace {

constexpr size_t kStaticUidDigits = 32;

std::string full_name(const cluster::Pod& pod) { return pod.namespace_ + "/" + pod.name; }

// The kubelet names the cgroup of a static pod by a hash of its file; the API server's copy has another uid.
bool is_static(const std::string& cgroup_uid) { return cgroup_uid.size() == kStaticUidDigits; }

const cluster::Container* named(const cluster::Pod& pod, const std::string& name) {
  for (const cluster::Container& container : pod.containers)
    if (container.name == name) return &container;
  return nullptr;
}

json::Object entry_of(const char* kind, std::string name, const cluster::Pod& pod, const std::string& cgroup) {
  json::Object labels;
  for (const auto& [key, value] : pod.labels) labels[key] = value;
  return {{"name", std::move(name)},
          {"kind", kind},
          {"namespace", pod.namespace_},
          {"labels", std::move(labels)},
          {"cgroup", cgroup}};
}

uint64_t common_network(const std::vector<const sys::Process*>& processes) {
  uint64_t found = processes.empty() ? 0 : processes.front()->netns;
  for (const sys::Process* process : processes)
    if (process->netns != found) return 0;
  return found;
}

// What may follow an entry of a list, up to a limit of the whole.
class BoundedList {
 public:
  bool add(const json::Object& entry) {
    std::string text = json::write(entry);
    if (text_.size() + text.size() + 2 > kMaxInputBytes) return false;
    text_ += (text_.size() > 1 ? "," : "") + text;
    return true;
  }
  std::string take() { return std::move(text_) + "]"; }

 private:
  std::string text_ = "[";
};

}  // namespace

NodePods::NodePods(const std::vector<cluster::Pod>& pods, const target::Snapshot& snapshot)
    : pods_(pods), snapshot_(snapshot) {
  for (const sys::Process& process : snapshot.processes) {
    if (!process.alive()) continue;
    // On version 1 a process is in a pod's cgroup once for each hierarchy, mostly by the same path.
    std::set<std::string_view> seen;
    for (const sys::CgroupMembership& membership : process.cgroups) {
      if (!seen.insert(membership.path).second) continue;
      auto pod = sys::pod_of_cgroup(membership.path);
      if (!pod) continue;
      add(process, {pod->pod_cgroup, pod->pod_uid, "", {}});
      if (auto container = sys::container_of_cgroup(membership.path))
        add(process, {container->cgroup, pod->pod_uid, container->id, {}});
    }
  }
}

void NodePods::add(const sys::Process& process, Home home) {
  auto found = std::find_if(homes_.begin(), homes_.end(), [&](const Home& known) {
    return known.cgroup == home.cgroup && known.container_id == home.container_id;
  });
  if (found == homes_.end()) found = homes_.insert(homes_.end(), std::move(home));
  if (found->processes.empty() || found->processes.back() != &process) found->processes.push_back(&process);
}

bool NodePods::belongs(const Home& home, const cluster::Pod& pod) const {
  if (home.pod_uid == pod.uid) return true;
  if (!is_static(home.pod_uid)) return false;
  return std::any_of(homes_.begin(), homes_.end(), [&](const Home& other) {
    return other.pod_uid == home.pod_uid && !other.container_id.empty() &&
           std::any_of(pod.containers.begin(), pod.containers.end(),
                       [&](const cluster::Container& container) { return container.id == other.container_id; });
  });
}

std::vector<const NodePods::Home*> NodePods::homes_of(const cluster::Pod& pod) const {
  std::vector<const Home*> found;
  for (const Home& home : homes_)
    if (belongs(home, pod)) found.push_back(&home);
  return found;
}

Result<std::string> NodePods::inventory(const std::string& without) const {
  BoundedList list;
  std::vector<json::Object> containers;
  for (const cluster::Pod& pod : pods_) {
    if (pod.is_ordeals(without)) continue;
    size_t number = 0;
    for (const Home* home : homes_of(pod)) {
      if (home->container_id.empty()) {
        std::string name = full_name(pod) + (number == 0 ? "" : fmt::format("#{}", number + 1));
        ++number;
        if (!list.add(entry_of("pod", std::move(name), pod, home->cgroup)))
          return fail(Errc::kRefused,
                      fmt::format("the pods of this node, {}, are more than a guard can know by name", pods_.size()));
        continue;
      }
      for (const cluster::Container& container : pod.containers)
        if (container.id == home->container_id)
          containers.push_back(entry_of("container", full_name(pod) + "/" + container.name, pod, home->cgroup));
    }
  }
  for (const json::Object& entry : containers)
    if (!list.add(entry)) break;
  return list.take();
}

Result<> NodePods::check_all_known() const {
  for (const Home& home : homes_)
    if (std::none_of(pods_.begin(), pods_.end(), [&](const cluster::Pod& pod) { return belongs(home, pod); }))
      return fail(Errc::kRefused,
                  fmt::format("the cgroup {} is of a pod that the API server does not list on this node (uid {}), and "
                              "what protects it is not known",
                              home.cgroup, home.pod_uid),
                  "wait until it has ended, or end it on the node");
  return {};
}

Result<const cluster::Pod*> NodePods::planned_pod(const cluster::ClusterVictim& victim) const {
  std::string name = victim.namespace_ + "/" + victim.pod;
  for (const cluster::Pod& pod : pods_) {
    if (pod.namespace_ != victim.namespace_ || pod.name != victim.pod) continue;
    if (pod.uid != victim.uid)
      return fail(Errc::kNotInjected, fmt::format("the pod {} was replaced: its uid is {}, that of the plan is {}",
                                                  name, pod.uid, victim.uid));
    if (!pod.runs())
      return fail(Errc::kNotInjected, fmt::format("the pod {} does not run: it is {}", name,
                                                  pod.terminating ? "being deleted" : "in the phase " + pod.phase));
    return &pod;
  }
  return fail(Errc::kNotInjected, fmt::format("there is no pod {} on this node", name));
}

Result<const NodePods::Home*> NodePods::home_of(const cluster::Pod& pod) const {
  std::vector<const Home*> found = homes_of(pod);
  std::erase_if(found, [](const Home* home) { return !home->container_id.empty(); });
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(Errc::kNotInjected,
                fmt::format("no process is in a cgroup of the pod {} (uid {})", full_name(pod), pod.uid),
                "the agent needs hostPID and the host's /sys/fs/cgroup");
  return fail(Errc::kUnsupported,
              fmt::format("the pod {} has no cgroup of its own: its containers are in {} and {}", full_name(pod),
                          found[0]->cgroup, found[1]->cgroup),
              "set the same cgroup driver for the kubelet and the container runtime, or choose one container");
}

Result<const NodePods::Home*> NodePods::home_of(const cluster::Pod& pod, const cluster::Container& container) const {
  for (const Home& home : homes_)
    if (home.container_id == container.id && belongs(home, pod)) return &home;
  for (const Home& home : homes_)
    if (home.container_id == container.id)
      return fail(Errc::kNotInjected, fmt::format("the container {} of {} is in a cgroup of another pod: {}",
                                                  container.name, full_name(pod), home.cgroup));
  return fail(Errc::kNotInjected, fmt::format("no process is in a cgroup of the container {} of {} ({:.12})",
                                              container.name, full_name(pod), container.id));
}

uint64_t NodePods::host_network() const {
  for (const sys::Process& process : snapshot_.processes)
    if (process.pid == 1) return process.netns;
  return 0;
}

Result<Victim> NodePods::victim_at(const Home& home, const cluster::Pod& pod, const std::string& container,
                                   bool hits_network) const {
  Victim victim;
  victim.kind = container.empty() ? VictimKind::kPod : VictimKind::kContainer;
  victim.name = container.empty() ? full_name(pod) : full_name(pod) + "/" + container;
  victim.namespace_ = pod.namespace_;
  victim.labels = pod.labels;
  victim.cgroup = home.cgroup;
  for (const sys::Process* process : home.processes) victim.processes.push_back({process->pid, process->start_ticks});
  victim.netns = common_network(home.processes);
  bool on_host = pod.host_network || (victim.netns != 0 && victim.netns == host_network());
  if (hits_network && on_host)
    return fail(Errc::kRefused,
                fmt::format("the pod {} has the host's network: the fault would hit the whole node", full_name(pod)),
                "choose the node as the target where that is meant");
  auto cgroups = snapshot_.cgroups.find_all(home.cgroup);
  if (cgroups.empty())
    return fail(Errc::kNotInjected, "the cgroup " + home.cgroup + " is not there",
                "the agent needs the host's /sys/fs/cgroup");
  victim.cgroup_inode = TRY(cgroups.front().inode());
  return victim;
}

Result<Victim> NodePods::find(const cluster::ClusterVictim& victim, bool hits_network) const {
  const cluster::Pod& pod = *TRY(planned_pod(victim));
  if (victim.kind == "pod") return victim_at(*TRY(home_of(pod)), pod, "", hits_network);
  const cluster::Container* container = named(pod, victim.container);
  if (!container)
    return fail(Errc::kNotInjected, fmt::format("the pod {} has no container {}", full_name(pod), victim.container));
  if (container->id != victim.container_id)
    return fail(Errc::kNotInjected, fmt::format("the container {} of {} was replaced: it is {:.12} now, {:.12} in the "
                                                "plan",
                                                victim.container, full_name(pod), container->id, victim.container_id));
  if (!container->running)
    return fail(Errc::kNotInjected,
                fmt::format("the container {} of {} does not run", victim.container, full_name(pod)));
  return victim_at(*TRY(home_of(pod, *container)), pod, container->name, hits_network);
}

Victim node_victim(const std::string& node, const Labels& labels, const target::Snapshot& snapshot) {
  Victim victim;
  victim.kind = VictimKind::kHost;
  victim.name = node;
  victim.labels = labels;
  for (const sys::Process& process : snapshot.processes)
    if (process.pid == 1) victim.netns = process.netns;
  return victim;
}

}  // namespace ordeal::agent
