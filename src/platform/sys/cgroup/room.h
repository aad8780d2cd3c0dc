// Room: how much more may be charged to a cgroup before a limit of its own, or of one above it, is met. Every level
// counts, and in memory both the limit that kills and the one that throttles (memory.high). Reads only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::sys {

// One limit of one cgroup, in bytes or process ids.
struct LimitLevel {
  std::string path;  // of the cgroup
  std::string name;  // "memory.high"
  int64_t limit = 0;
  int64_t used = 0;  // of memory: without what the kernel can take back at once (inactive pages of files)
  int64_t room() const { return limit - used; }
};

// The limits that are set, the cgroup's own first. Empty where nothing is limited, or the controller is not there.
std::vector<LimitLevel> memory_limits(const CgroupTree& tree, std::string_view path);
std::vector<LimitLevel> pids_limits(const CgroupTree& tree, std::string_view path);

// What the cgroup and those below it use, as the kernel counts it.
struct MemoryUse {
  int64_t charged = 0;      // all of it
  int64_t working_set = 0;  // without inactive pages of files
  int64_t anonymous = 0;
};
Result<MemoryUse> memory_use(const CgroupTree& tree, std::string_view path);
// The cgroup, the path or one above it, whose processes the kernel kills all together when it kills one of them for
// want of memory (memory.oom.group); the topmost one, or "".
std::string dies_together(const CgroupTree& tree, std::string_view path);
Result<int64_t> pids_in_use(const CgroupTree& tree, std::string_view path);

struct HostMemory {
  int64_t total = 0;
  int64_t available = 0;
};
Result<HostMemory> host_memory();
Result<HostMemory> parse_host_memory(std::string_view meminfo);

// Process ids on this host: at most so many at once, and now.
struct HostPids {
  int64_t most = 0;
  int64_t used = 0;
};
Result<HostPids> host_pids();

}  // namespace ordeal::sys
