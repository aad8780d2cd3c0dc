// Kills: SIGKILL through handles that cannot hit a later process of the same number, and the count of those that
// really died. Keeps the handles until death is seen.
#pragma once

#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/proof.h"
#include "fault/attacks/usability.h"
#include "platform/host/features.h"
#include "platform/sys/process/pidfd.h"
#include "platform/sys/process/process.h"

namespace ordeal::fault {

// How long the end of an attack waits for the deaths of its last kill.
constexpr Nanos kLastDeaths = 50ms;

// Of an attack that signals through pidfds, `how` being its mechanism.
Usability usability_of_signals(const host::Features& features, const std::string& how);

class Kills {
 public:
  // Whether each of them could be killed by us. Sends nothing.
  static Result<> allowed(const std::vector<sys::Process>& processes);
  // Nothing when it was sent, or when the process was gone already or is being killed (which is not counted).
  Result<> send(const sys::Process& process);
  // Takes note of who died since.
  void confirm();
  // The same, after waiting up to `limit` for those that were killed just now.
  void confirm_within(Nanos limit);

  int sent() const { return sent_; }
  int dead() const { return dead_; }
  bool pending() const { return !pending_.empty(); }
  // Who was killed and is dead, and who is still there.
  Coverage coverage() const;
  std::vector<int> descriptors() const;
  // "2 processes were killed", or "".
  std::string lasting() const;
  // When they were killed: the beginnings of the first rounds.
  const std::vector<BootTime>& moments() const { return moments_; }

 private:
  std::vector<sys::PidFd> pending_;
  int sent_ = 0;
  int dead_ = 0;
  std::vector<BootTime> moments_;
  BootTime last_{};  // when a signal was sent last
};

}  // namespace ordeal::fault
