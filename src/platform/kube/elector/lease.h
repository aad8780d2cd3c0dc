// LeaseRecord: a Lease as an elector sees it, and as it writes it. Pure. What others put on the object (labels,
// annotations, owners) stays.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/json/value.h"

namespace ordeal::kube {

struct LeaseRecord {
  json::Value object;  // as it came; null before there is one
  std::string holder;  // "" is nobody
  Nanos length{0};     // what its holder has asked for; 0 where it does not say

  static LeaseRecord of(json::Value object);
  // Somebody has written it meanwhile, be it the same holder.
  bool renewed_since(const LeaseRecord& before) const;
};

// The object to write: `wall` is now. A holder of before keeps its time of acquisition, another one begins its own.
json::Value held_by(const LeaseRecord& record, const std::string& name, const std::string& identity, Nanos length,
                    Nanos wall);
json::Value given_back(const LeaseRecord& record, Nanos wall);

}  // namespace ordeal::kube
