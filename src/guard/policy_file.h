// The policies that bind this host: /etc/ordeal/policy.yaml when it exists, and every --policy FILE. All must allow.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/policy.h"

namespace ordeal::guard {

constexpr const char* kHostPolicy = "/etc/ordeal/policy.yaml";

// Read by the engine's program to plan and by the guard again on its own. As root, a policy that others may write is
// refused: whoever can write it can lift it.
Result<std::vector<Policy>> read_policies(const std::vector<std::string>& files);

}  // namespace ordeal::guard
