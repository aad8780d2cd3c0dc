// Agent: the program of a node. It watches the Injections of its node and the cluster's Halt, and carries each
// Injection out once (injection_run.h). One thread; at rest it waits, and nothing else.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/agent/injection_run.h"
#include "fault/guard/recovery/dead_runs.h"
#include "platform/kube/mirror.h"

namespace ordeal::agent {

struct AgentOptions {
  std::string node;
  std::string name;         // of this agent's pod, for the status
  std::string namespace_;   // Ordeal's own
  kube::ObjectName policy;  // of the ConfigMap
  std::string kubeconfig;   // "" is the pod's service account
  std::string state_dir;    // "" is the host's default
};

class Agent {
 public:
  // Waits for an older agent of the node to end. What dead runs of this host left is undone before anything else; an
  // error is one that nobody can serve with.
  // `say` gets what a person should know, a line each.
  static Result<std::unique_ptr<Agent>> create(const AgentOptions& options,
                                               std::function<void(const std::string&)> say);
  ~Agent();

  // Until `signals` (a signalfd) can be read; then every impact is reverted, and what is left to be said is written
  // within 10 s. An error, at the beginning, is a want of rights or of the resource definitions.
  Result<> serve(int signals);

 private:
  // An Injection that was never this process's: its last status, and its finaliser.
  struct Closing;
  // One of which an earlier agent may have had the guard: what became of that is not known yet.
  struct Found;

  Agent(AgentParts parts, std::unique_ptr<kube::Client> client, UniqueFd lock, std::vector<guard::DeadRun> dead);
  void watch();
  void put(json::Value&& object);
  void take(cluster::Injection injection);
  void begin(cluster::Injection injection);
  Result<std::unique_ptr<InjectionRun>> start(const cluster::Injection& injection);
  void close(const cluster::Injection& injection, const cluster::InjectionStatus* status);
  void close_found(const cluster::Injection& injection);
  void collect_found();
  void gone(const std::string& uid, const std::string& why);
  void injections_synced();
  void see_halt(std::optional<cluster::Halt> halt);
  void in_trouble(const std::string& what, const kube::ApiFailure& failure, bool seen);
  void wait(int signals, BootTime until) const;
  BootTime next_wake() const;
  void dispatch();
  void remove_finished();
  void end_all();
  bool all_at_rest() const;

  UniqueFd lock_;  // of the node; released after everything below has ended
  std::unique_ptr<kube::Client> client_;
  AgentParts parts_;
  std::vector<guard::DeadRun> dead_;
  std::map<std::string, std::unique_ptr<InjectionRun>> runs_;  // by the Injection's uid
  std::map<std::string, std::unique_ptr<Found>> found_;
  std::map<std::string, std::unique_ptr<Closing>> closing_;
  std::set<std::string> known_;   // Injections that are, or were, ours to carry out or to close, and still exist
  std::set<std::string> listed_;  // put since a list began
  bool first_list_ = true;
  bool halt_seen_ = false;
  bool ending_ = false;
  std::optional<Error> useless_;
  std::unique_ptr<kube::Mirror> injections_, halts_;
};

}  // namespace ordeal::agent
