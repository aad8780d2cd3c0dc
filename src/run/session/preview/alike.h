// Alike: victims whose plans differ in nothing but which victim it is, so that what is the same is said once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "run/session/prepare.h"

namespace ordeal::session {

constexpr const char* kItsOwn = "[its own]";

struct AlikePlans {
  std::vector<size_t> victims;  // indices, in their order
  VictimPlan plan;              // where they differ: kItsOwn in the place of a cgroup, a namespace, a name or a pid
  bool differs = false;         // somewhere in it
};
// In the order of their first victims. Pure.
std::vector<AlikePlans> group_alike(const std::vector<Victim>& victims, const std::vector<VictimPlan>& plans);

}  // namespace ordeal::session
