// MemoryRoom: how much more memory a process in a cgroup may take and leave everybody alive: the least of what is left
// below each limit of the cgroup and of those above it, and of what the host has available. Some of each is kept back:
// 2 % of a limit (4 to 64 MiB), since the kernel charges by the batch and the victim wants to breathe; 5 % of the
// host's memory and at least 256 MiB, which is more than the 100 MiB below which kubelet evicts. Where the kernel would
// kill the victim together with the load (memory.oom.group), it is 10 % (32 to 512 MiB), and twice as much of the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "platform/sys/cgroup/room.h"

namespace ordeal::fault {

class MemoryRoom {
 public:
  static Result<MemoryRoom> open(std::string cgroup);
  MemoryRoom(sys::CgroupTree tree, std::string cgroup)
      : tree_(std::move(tree)), cgroup_(std::move(cgroup)), together_(sys::dies_together(tree_, cgroup_)) {}

  // Bytes; negative when less is left than is to be kept back.
  Result<int64_t> left() const;
  // The same, and which limit it is: "the limit of /shop (memory.max)".
  struct Narrowest {
    int64_t left = 0;
    std::string where;
  };
  Result<Narrowest> narrowest() const;
  // The topmost cgroup, "/" for the host, whose limit `added` more would come near to (near_limit.h); "" for none.
  Result<std::string> topmost(int64_t added) const;
  // Whose processes die with the load if the kernel kills it (sys::dies_together), or "".
  const std::string& together() const { return together_; }
  // In the cgroup; in the root on the whole host.
  Result<int64_t> used() const;
  // The least of the cgroup's limits and those above it; nothing where there is none.
  std::optional<sys::LimitLevel> limit() const;

 private:
  sys::CgroupTree tree_;
  std::string cgroup_;
  std::string together_;
};

int64_t kept_below_limit(int64_t limit, bool together = false);
int64_t kept_of_host(int64_t total, bool together = false);

}  // namespace ordeal::fault
