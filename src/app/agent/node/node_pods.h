// NodePods: which pods of this node live in which cgroups, and so which processes a planned impact means. Pure: pods
// are as the API server has them, cgroups and processes as a Snapshot has them. Nothing is guessed: what is not found,
// was replaced, or is somebody else's is an error that says so.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "core/model/victim.h"
#include "fault/target/snapshot.h"

namespace ordeal::agent {

class NodePods {
 public:
  // Both outlive it.
  NodePods(const std::vector<cluster::Pod>& pods, const target::Snapshot& snapshot);

  // The inventory for a guard: every pod, and every container, that has processes here, under the names
  // "NAMESPACE/POD" and "NAMESPACE/POD/CONTAINER". Containers, which are in their pods anyway, are left out where the
  // text would be larger than a guard reads. kRefused when the pods alone are: what they protect would be unknown.
  // Ordeal's own pods in the namespace `without` are left out.
  Result<std::string> inventory(const std::string& without = {}) const;

  // kRefused names a cgroup of a pod that is none of these pods: nobody knows what protects it.
  Result<> check_all_known() const;

  // The victim with all its processes; a pod is the whole pod, its sandbox included. kNotInjected says what is missing
  // or has changed since the plan; `hits_network` on a pod that shares the host's network is kRefused.
  Result<Victim> find(const cluster::ClusterVictim& victim, bool hits_network) const;

 private:
  // A cgroup of a pod or container, with the processes in it.
  struct Home {
    std::string cgroup;
    std::string pod_uid;
    std::string container_id;  // "" of the pod's own
    std::vector<const sys::Process*> processes;
  };
  void add(const sys::Process& process, Home home);
  Result<const cluster::Pod*> planned_pod(const cluster::ClusterVictim& victim) const;
  std::vector<const Home*> homes_of(const cluster::Pod& pod) const;
  Result<const Home*> home_of(const cluster::Pod& pod) const;
  Result<const Home*> home_of(const cluster::Pod& pod, const cluster::Container& container) const;
  bool belongs(const Home& home, const cluster::Pod& pod) const;
  Result<Victim> victim_at(const Home& home, const cluster::Pod& pod, const std::string& container,
                           bool hits_network) const;
  uint64_t host_network() const;

  const std::vector<cluster::Pod>& pods_;
  const target::Snapshot& snapshot_;
  std::vector<Home> homes_;
};

// A node as a victim. `labels` are the Node's.
Victim node_victim(const std::string& node, const Labels& labels, const target::Snapshot& snapshot);

}  // namespace ordeal::agent
