#include "fault/attacks/room/memory_room.h"

#include <fmt/format.h>

#include <algorithm>

#include "fault/attacks/room/near_limit.h"

namespace ordeal::fault {
namespace {

constexpr int64_t kMiB = 1 << 20;

}  // namespace

int64_t kept_below_limit(int64_t limit, bool together) {
  return together ? std::clamp(limit / 10, 32 * kMiB, 512 * kMiB) : std::clamp(limit / 50, 4 * kMiB, 64 * kMiB);
}

int64_t kept_of_host(int64_t total, bool together) { return std::max(total / 20, 256 * kMiB) * (together ? 2 : 1); }

Result<MemoryRoom> MemoryRoom::open(std::string cgroup) {
  return MemoryRoom(TRY(sys::CgroupTree::discover()), std::move(cgroup));
}

Result<MemoryRoom::Narrowest> MemoryRoom::narrowest() const {
  sys::HostMemory host = TRY(sys::host_memory());
  bool together = !together_.empty();
  Narrowest least{host.available - kept_of_host(host.total, together), "what the host has available"};
  for (const sys::LimitLevel& level : sys::memory_limits(tree_, cgroup_)) {
    int64_t left = level.room() - kept_below_limit(level.limit, together);
    if (left < least.left) least = {left, fmt::format("the limit of {} ({})", level.path, level.name)};
  }
  return least;
}

Result<std::string> MemoryRoom::topmost(int64_t added) const {
  sys::HostMemory host = TRY(sys::host_memory());
  if (comes_near(host.total, host.available, kept_of_host(host.total), added)) return "/";
  std::string topmost;
  for (const sys::LimitLevel& level : sys::memory_limits(tree_, cgroup_))
    if (comes_near(level.limit, level.room(), kept_below_limit(level.limit), added)) topmost = level.path;
  return topmost;
}

Result<int64_t> MemoryRoom::left() const { return TRY(narrowest()).left; }

Result<int64_t> MemoryRoom::used() const {
  if (cgroup_ != "/") return TRY(sys::memory_use(tree_, cgroup_)).working_set;
  sys::HostMemory host = TRY(sys::host_memory());
  return host.total - host.available;
}

std::optional<sys::LimitLevel> MemoryRoom::limit() const {
  auto levels = sys::memory_limits(tree_, cgroup_);
  auto least = std::min_element(levels.begin(), levels.end(), [](auto& a, auto& b) { return a.limit < b.limit; });
  return least == levels.end() ? std::nullopt : std::optional(*least);
}

}  // namespace ordeal::fault
