// PidFd: a handle on one process that can never mean another one, however often its number is used again.
// Signals through it reach that process or fail with kNotFound. It is readable (poll) once the process is dead.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::sys {

class PidFd {
 public:
  // kNotFound when the process is gone, or the number belongs to another process now (its start time differs).
  static Result<PidFd> open(pid_t pid, uint64_t start_ticks);
  // For a child of ours that was not waited for yet: nobody else can have its number.
  static Result<PidFd> of_child(pid_t pid);

  pid_t pid() const { return pid_; }
  int fd() const { return fd_.get(); }
  Result<> signal(int number) const;
  // A zombie counts as dead.
  bool dead() const { return wait_death(Nanos(0)); }
  bool wait_death(Nanos limit) const;

 private:
  PidFd(pid_t pid, UniqueFd fd) : pid_(pid), fd_(std::move(fd)) {}

  pid_t pid_;
  UniqueFd fd_;
};

}  // namespace ordeal::sys
