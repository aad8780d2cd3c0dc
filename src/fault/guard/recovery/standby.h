// Standby: a second reaper, which the engine starts before it drops its privileges. It makes nothing and keeps no
// journal; it acts when guard and reaper both cannot: when the engine says so, or when the engine is gone and they do
// not end. Then it ends both, also when they are stopped, and replays the run's journal. While the reaper lives the
// journal is the reaper's: its lock decides, and is waited for.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/model/run/exit_code.h"
#include "fault/guard/link/messages.h"
#include "fault/guard/recovery/dead_runs.h"
#include "platform/host/paths.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::guard {

struct StandbyOptions {
  std::string run_id;
  host::Paths paths;
  UniqueFd engine;  // the socket to the engine
};

class Standby {
 public:
  static Result<Standby> start(StandbyOptions options);
  // Returns when the engine has said goodbye, or is gone and the run has ended. The exit code of the process:
  // kRevertFailed where something stays behind, else kHeld.
  ExitCode run();

 private:
  Standby(StandbyOptions options, std::vector<sys::PidFd> holders)
      : options_(std::move(options)), holders_(std::move(holders)) {}

  void receive_from_engine();
  void answer(const messages::EndRun& request);
  void answer(const messages::Bye&) { done_ = true; }
  Result<DeadRun> end(Nanos grace);

  StandbyOptions options_;
  std::vector<sys::PidFd> holders_;  // guard and reaper
  bool own_cgroup_ = false;
  bool done_ = false;
  bool failed_ = false;
};

}  // namespace ordeal::guard
