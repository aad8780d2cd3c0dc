// ClusterSession: a run in a cluster, from what was prepared to its verdict, as an object that the controller hosts,
// like LocalSession: poll descriptor() until next_wake(), then dispatch(), which never waits. Beside that the host
// tells world() what becomes of the run's Injections, and writes its renewal().
// It is over when finished() says so: nothing is in force any more, or what could not be confirmed stands in verdict().
#pragma once

#include <memory>

#include "run/session/cluster/cluster_world.h"
#include "run/session/cluster/prepare_cluster.h"

namespace ordeal::session {

// What sees, and what acts on the deployment; each may have a descriptor to poll, or -1.
struct SessionParts {
  std::unique_ptr<Watcher> watcher;
  std::function<std::vector<std::string>()> troubles;     // of watching, for a person; may be empty
  std::function<void(const std::string& url)> drop_page;  // it is not scraped any more; may be empty
  std::unique_ptr<Actuator> actuator;
  std::function<void()> dispatch_actuator;
};

class ClusterSession {
 public:
  // The parts put what they have to say into this, and are made with it.
  using MakeParts = std::function<Result<SessionParts>(engine::Inbox&)>;

  static Result<std::unique_ptr<ClusterSession>> create(const ClusterPrepared& prepared, ClusterRun run, ClusterNow now,
                                                        Send send, Now clock, WallOffset offset,
                                                        const MakeParts& make_parts, engine::Sink sink);

  void start() { engine_->start(); }
  void dispatch();
  BootTime next_wake() const;
  int descriptor() const { return parts_.watcher->descriptor(); }
  void halt(const std::string& by, const std::string& why) { engine_->halt(by, why); }
  bool finished() const { return engine_->finished() && world_->settled(); }
  const Verdict& verdict() const { return engine_->verdict(); }  // once the engine has finished
  bool judged() const { return engine_->finished(); }
  ClusterWorld& world() { return *world_; }
  const ClusterWorld& world() const { return *world_; }

 private:
  explicit ClusterSession(const Kept<cluster::Pod>& pods) : pods_(pods) {}
  void collect_troubles();
  void drop_pages();

  const Kept<cluster::Pod>& pods_;
  uint64_t pods_judged_ = 0;  // their changes
  std::vector<PodPage> pages_;
  std::unique_ptr<ClusterWorld> world_;
  SessionParts parts_;
  std::unique_ptr<engine::Session> engine_;
  std::vector<std::string> told_;
};

}  // namespace ordeal::session
