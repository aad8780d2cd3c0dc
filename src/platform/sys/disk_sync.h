// DiskSync: sync(2) in a process of its own, since it takes as long as the slowest disk needs for all that is
// unwritten, and cannot be interrupted. Destroying it does not wait for it.
#pragma once

#include "core/base/result.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::sys {

class DiskSync {
 public:
  static Result<DiskSync> start();
  DiskSync(DiskSync&&) noexcept = default;
  DiskSync& operator=(DiskSync&&) = delete;
  ~DiskSync();

  int fd() const { return process_.fd(); }  // readable once it is over
  bool over() const { return process_.dead(); }

 private:
  explicit DiskSync(PidFd process) : process_(std::move(process)) {}
  PidFd process_;
};

}  // namespace ordeal::sys
