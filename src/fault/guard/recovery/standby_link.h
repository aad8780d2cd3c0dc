// StandbyLink: the engine's end of the socket to its standby (standby.h). Destroying it waits for the standby, which
// without shut_down() ends the run first.
#pragma once

#include <memory>
#include <string>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "fault/guard/recovery/dead_runs.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::guard {

class StandbyLink {
 public:
  // Starts `ordeal-guard --standby` with the caller's rights, once guard and reaper are there. It is not ready yet.
  static Result<StandbyLink> start(const std::string& program, const std::string& run_id, const std::string& state_dir);
  StandbyLink(StandbyLink&&) = default;
  ~StandbyLink();

  Result<> await_ready();
  // Readable once the standby has died.
  int fd() const { return process_->fd(); }
  bool alive() const { return !process_->wait(Nanos(0)); }
  pid_t pid() const { return process_->pid(); }
  // Has guard and reaper end, by force once `grace` is over, and the journal replayed; waits for that. What could not
  // be undone stands in `failed`. An error: nobody knows what became of the run.
  Result<DeadRun> end_run(Nanos grace);
  // The run has left in good order: the standby has nothing to do, and ends.
  void shut_down();

 private:
  StandbyLink(UniqueFd socket, sys::Child process, std::string run_id)
      : socket_(std::move(socket)), process_(std::make_unique<sys::Child>(std::move(process))), run_id_(run_id) {}

  UniqueFd socket_;
  std::unique_ptr<sys::Child> process_;
  std::string run_id_;
};

}  // namespace ordeal::guard
