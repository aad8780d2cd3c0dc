// Returns: whether a victim that was killed is back, by what the cluster says of pods: its container was started again,
// or a new pod of the same controller takes its place. Each new pod is the return of one victim only. A return is known
// from the moment at which it was seen, since the clocks of nodes are their own.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/clock.h"
#include "core/model/cluster/pod.h"
#include "core/model/cluster/resources.h"
#include "run/session/cluster/kept.h"

namespace ordeal::session {

class Returns {
 public:
  // Remembers how the victim is before it is hit.
  void remember(int impact, const cluster::ClusterVictim& victim, const Kept<cluster::Pod>& pods);
  struct State {
    bool there = false;
    BootTime began{};  // when its return was seen first
  };
  // One look at all pods serves every victim that is asked for at the same moment.
  State look(int impact, const Kept<cluster::Pod>& pods, BootTime now);

 private:
  struct Before {
    cluster::ClusterVictim victim;
    std::string owner;  // uid of the controller; "" is none
    bool ready = false;
    std::map<std::string, std::string> containers;  // name to id
    std::string replacement;                        // uid of the pod that took its place
    std::optional<BootTime> back;
  };
  bool restarted(const Before& before, const cluster::Pod& pod) const;
  const cluster::Pod* replacement_of(Before& before, const Kept<cluster::Pod>& pods);
  void look_at_all(const Kept<cluster::Pod>& pods, BootTime now);

  std::map<int, Before> before_;
  std::unordered_set<std::string> known_;                            // uids that were there before, or are taken
  std::unordered_map<std::string, std::vector<std::string>> fresh_;  // uids of new pods, by owner
  BootTime looked_{};
};

}  // namespace ordeal::session
