// Freezer and CPU of a cgroup, the same for version 1 and 2. CPU amounts are in CPUs: 0.5 is half of one.
// Reading never changes anything; only freeze() and thaw() do.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::sys {

// The cgroup through which `path` can be frozen: of the v1 freezer where it exists there, else of v2. kNotFound when
// neither has it; kUnsupported for a root.
Result<Cgroup> freezer_of(const CgroupTree& tree, std::string_view path);

enum class FreezerState { kThawed, kFreezing, kFrozen };
// The effective state: a frozen cgroup above counts.
Result<FreezerState> freezer_state(const Cgroup& freezer);
// True when this cgroup itself, not one above it, was told to freeze.
Result<bool> freezer_requested(const Cgroup& freezer);
// Only asks; then wait_freezer() tells. Version 1 needs some milliseconds.
Result<> freeze(const Cgroup& freezer);
Result<> thaw(const Cgroup& freezer);
Result<> wait_freezer(const Cgroup& freezer, FreezerState state, Nanos limit);

// The least quota of the cgroup and those above it; nothing when there is none.
Result<std::optional<double>> cpu_quota(const CgroupTree& tree, std::string_view path);
// The CPUs that its processes may use, in order.
Result<std::vector<int>> allowed_cpus(const CgroupTree& tree, std::string_view path);
// "0-2,5" as {0, 1, 2, 5}.
Result<std::vector<int>> parse_cpu_list(std::string_view text);

struct CpuUsage {
  Nanos used{0};
  int64_t periods = 0;
  int64_t throttled_periods = 0;
  Nanos throttled{0};
};
// Since the cgroup was made, its descendants included. Throttling stays 0 where the controller is off.
Result<CpuUsage> cpu_usage(const CgroupTree& tree, std::string_view path);

}  // namespace ordeal::sys
