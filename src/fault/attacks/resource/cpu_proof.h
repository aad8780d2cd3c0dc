// Whether the load that was asked of a victim's CPUs was there. What the cgroup's quota took away is no failure of the
// load: each throttled period may have cost it at most that period's share. What is missing beyond that, other work
// had.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/proof.h"

namespace ordeal::fault {

struct CpuUse {
  double asked = 0;  // in CPUs
  double got = 0;
  double capacity = 0;  // of which `asked` is a share: CPUs, or the quota
  double seconds = 0;   // that it was watched
  std::string cgroup;   // whose quota counts
  int64_t periods = 0;  // of that quota, meanwhile
  int64_t throttled = 0;
};

Proof prove_cpu(const CpuUse& use);

}  // namespace ordeal::fault
