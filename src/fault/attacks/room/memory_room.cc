#include "fault/attacks/room/memory_room.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::fault {
namespace {

constexpr int64_t kMiB = 1 << 20;

}  // namespace

int64_t kept_below_limit(int64_t limit) { return std::clamp(limit / 50, 4 * kMiB, 64 * kMiB); }

int64_t kept_of_host(int64_t total) { return std::max(total / 20, 256 * kMiB); }

Result<MemoryRoom> MemoryRoom::open(std::string cgroup) {
  return MemoryRoom(TRY(sys::CgroupTree::discover()), std::move(cgroup));
}

Result<MemoryRoom::Narrowest> MemoryRoom::narrowest() const {
  sys::HostMemory host = TRY(sys::host_memory());
  Narrowest least{host.available - kept_of_host(host.total), "what the host has available"};
  for (const sys::LimitLevel& level : sys::memory_limits(tree_, cgroup_)) {
    int64_t left = level.room() - kept_below_limit(level.limit);
    if (left < least.left) least = {left, fmt::format("the limit of {} ({})", level.path, level.name)};
  }
  return least;
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
