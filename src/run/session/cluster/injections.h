// Injections: what a run asked of the agents, one object per node (and one more for pods that came later), and what
// they have said. Statuses go in, the engine's events come out. Pure: cluster_world.h sends and is told.
// Wall clocks are never compared: something is in force from the moment at which its status was seen, until it was seen
// to be over, and not later than if it had been put on at once when it was asked for: for as long as the agent says.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/model/cluster/resources.h"
#include "platform/kube/api.h"
#include "run/engine/machine.h"

namespace ordeal::session {

// Takes its finaliser away: what its agent does when all is reverted, and the controller when the lease is over and no
// agent is there any more.
kube::Request without_finalizer(const cluster::Injection& injection);

// Its agent says that one of its victims is hit, or was.
bool hit(const cluster::InjectionStatus& status);
// Its agent says that something of it could not be reverted.
bool revert_failed(const cluster::InjectionStatus& status);

struct NodeInjection {
  cluster::Injection object;        // as it was made
  BootTime asked{};                 // or told to go: nothing of it was in force before
  std::optional<BootTime> created;  // the server has it
  bool refused = false;             // and never will have it
  bool given_up = false;            // its agent was silent: it was deleted
  bool answered = false;            // the agent has said something
  bool over = false;                // nothing of it is in force any more, or it was waited for long enough
  bool confirmed = false;           // and the agent said so
  bool vanished = false;            // it is not there any more, and nobody has said that it is reverted
};

class Injections {
 public:
  using Events = std::vector<engine::Event>;

  NodeInjection& add(cluster::Injection object);
  NodeInjection* find(const std::string& name);
  std::map<std::string, NodeInjection>& all() { return all_; }
  const std::map<std::string, NodeInjection>& all() const { return all_; }

  // What the status says that was not told yet.
  Events take(const cluster::Injection& seen, BootTime now);
  // It is not there any more; its last state was taken. Whose agent has not said that it is reverted is not over: who
  // took the finaliser away is not known. True: that is so.
  bool take_gone(const std::string& name);
  // It cannot be made: each of its impacts fails.
  Events fail(NodeInjection& injection, const Error& error);
  // Nobody has said that it is reverted, and it must be by now.
  Events not_confirmed(NodeInjection& injection, BootTime now);

  // One of its impacts is neither in force nor has it failed.
  bool waits_for(const NodeInjection& injection) const;
  bool all_over() const;
  int injected() const { return injected_; }
  int reverted() const { return reverted_; }
  // An agent says that something could not be reverted.
  bool revert_failed() const { return revert_failed_; }
  // Of those that are not over; sorted, each once.
  std::vector<std::string> silent_nodes() const;

 private:
  enum class Told { kNothing, kChecked, kInjected, kFailed, kGone, kReverted };
  struct Impact {
    Told told = Told::kNothing;
    BootTime applied{};
    std::optional<BootTime> gone;
  };
  void take(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now, Events& events);
  void take_victim_gone(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now, Events& events);
  void end(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now, Events& events);
  void end_all(NodeInjection& of, const cluster::ImpactStatus& like, BootTime now, Events& events);

  std::map<std::string, NodeInjection> all_;  // by name
  std::map<int, Impact> impacts_;             // by id
  std::set<std::string> halted_by_;           // one halt is heard at many nodes, and told once
  int injected_ = 0, reverted_ = 0;
  bool revert_failed_ = false;
};

}  // namespace ordeal::session
