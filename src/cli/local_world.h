// LocalWorld: a run on this host as the engine sees it: a watcher, a guard, signals, an actuator, the clock.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "engine/loop.h"
#include "fault/incarnation.h"
#include "guard/client.h"
#include "guard/paths.h"
#include "model/seams.h"
#include "rollback/rollback.h"
#include "watch/source_watcher.h"

namespace ordeal::cli {

class LocalWorld : public engine::World {
 public:
  // SIGINT, SIGTERM and SIGHUP end the run from here on, in good order.
  static Result<std::unique_ptr<LocalWorld>> create(const Experiment& experiment, const std::vector<Victim>& victims,
                                                    guard::GuardClient guard, guard::Paths paths, std::string run_id);

  void wait(BootTime until) override;
  std::vector<engine::Event> collect() override;
  void perform(const engine::Action& action) override;
  BootTime now() override { return boot_now(); }

  guard::GuardClient& guard() { return guard_; }
  watch::SourceWatcher& watcher() { return *watcher_; }
  void before_each_wait(std::function<void()> hook) { before_wait_ = std::move(hook); }
  bool guard_lost() const { return guard_lost_; }

 private:
  LocalWorld(const Experiment& experiment, const std::vector<Victim>& victims, guard::GuardClient guard,
             guard::Paths paths, std::string run_id);
  void collect_guard();
  void collect_standby();
  void collect_remarks();
  void remark(const std::string& of, const std::string& trouble);
  void collect_signals();
  void look_for(const engine::LookForReturn& look);
  engine::Event translate(const guard::GuardEvent& event);
  engine::GuardLost end_run(const guard::GuardEvent& event);
  std::string left_behind() const;

  const Experiment& experiment_;
  const std::vector<Victim>& victims_;
  guard::GuardClient guard_;
  guard::Paths paths_;
  std::string run_id_;
  std::unique_ptr<watch::SourceWatcher> watcher_;
  UniqueFd signals_;
  std::deque<engine::Event> events_;
  std::unique_ptr<rollback::Rollback> rollback_;
  std::map<std::string, std::vector<std::string>> remarked_;  // of each target, without digits
  std::vector<fault::Incarnation> incarnations_;              // of each victim
  std::vector<sys::Process> processes_;                       // as of `listed_`
  BootTime listed_{};
  std::function<void()> before_wait_;
  bool guard_lost_ = false;
  bool standby_lost_ = false;
};

}  // namespace ordeal::cli
