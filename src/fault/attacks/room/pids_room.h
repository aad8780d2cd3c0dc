// PidsRoom: how many process ids more may be taken in a cgroup. The victim's own limit may be used up: that is the
// attack. Of every limit above it 5 % and at least 32 stay free, and of the host's 10 % and at least 1000: others live
// there, and so does what reverts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "platform/sys/cgroup/room.h"

namespace ordeal::fault {

class PidsRoom {
 public:
  static Result<PidsRoom> open(std::string cgroup);
  PidsRoom(sys::CgroupTree tree, std::string cgroup) : tree_(std::move(tree)), cgroup_(std::move(cgroup)) {}

  struct Narrowest {
    int64_t left = 0;  // negative when less is left than is to be kept
    std::string where;
  };
  Result<Narrowest> narrowest() const;
  Result<int64_t> left() const;
  // The topmost cgroup, "/" for the host, whose limit `added` more would come near to (near_limit.h); "" for none.
  Result<std::string> topmost(int64_t added) const;
  // In the cgroup; in the root on the whole host.
  Result<int64_t> used() const;
  // The least of the cgroup's limits and those above it; nothing where there is none.
  std::optional<sys::LimitLevel> limit() const;

 private:
  sys::CgroupTree tree_;
  std::string cgroup_;
};

int64_t pids_kept_below_limit(int64_t limit);
int64_t pids_kept_of_host(int64_t most);

}  // namespace ordeal::fault
