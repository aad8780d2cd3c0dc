#include "fault/attacks/room/pids_room.h"

#include <fmt/format.h>

#include <algorithm>

#include "fault/attacks/room/near_limit.h"

namespace ordeal::fault {

int64_t pids_kept_below_limit(int64_t limit) { return std::max<int64_t>(limit / 20, 32); }

int64_t pids_kept_of_host(int64_t most) { return std::max<int64_t>(most / 10, 1000); }

Result<PidsRoom> PidsRoom::open(std::string cgroup) {
  return PidsRoom(TRY(sys::CgroupTree::discover()), std::move(cgroup));
}

Result<PidsRoom::Narrowest> PidsRoom::narrowest() const {
  sys::HostPids host = TRY(sys::host_pids());
  Narrowest least{host.most - host.used - pids_kept_of_host(host.most), "the host"};
  for (const sys::LimitLevel& level : sys::pids_limits(tree_, cgroup_)) {
    bool own = level.path == cgroup_;
    int64_t left = own ? std::max<int64_t>(level.room(), 0) : level.room() - pids_kept_below_limit(level.limit);
    if (left < least.left) least = {left, fmt::format("the limit of {} ({})", level.path, level.name)};
  }
  return least;
}

Result<std::string> PidsRoom::topmost(int64_t added) const {
  sys::HostPids host = TRY(sys::host_pids());
  if (comes_near(host.most, host.most - host.used, pids_kept_of_host(host.most), added)) return "/";
  std::string topmost;
  for (const sys::LimitLevel& level : sys::pids_limits(tree_, cgroup_))
    if (comes_near(level.limit, level.room(), pids_kept_below_limit(level.limit), added)) topmost = level.path;
  return topmost;
}

Result<int64_t> PidsRoom::left() const { return TRY(narrowest()).left; }

Result<int64_t> PidsRoom::used() const {
  if (cgroup_ != "/") return sys::pids_in_use(tree_, cgroup_);
  return TRY(sys::host_pids()).used;
}

std::optional<sys::LimitLevel> PidsRoom::limit() const {
  auto levels = sys::pids_limits(tree_, cgroup_);
  auto least = std::min_element(levels.begin(), levels.end(), [](auto& a, auto& b) { return a.limit < b.limit; });
  return least == levels.end() ? std::nullopt : std::optional(*least);
}

}  // namespace ordeal::fault
