// The policies that bind this host: /etc/ordeal/policy.yaml when it exists, and every --policy FILE. All must allow.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/policy.h"
#include "platform/sys/trusted_file.h"

namespace ordeal::host {

constexpr const char* kHostPolicy = "/etc/ordeal/policy.yaml";

// A policy's path and what stands in it.
using PolicyTexts = std::vector<std::pair<std::string, std::string>>;

// Read by the engine's program to plan and by the guard again on its own. "None" is only what nothing has the name of:
// a link that leads nowhere, a folder, a pipe or what cannot be read is an error, and as root one that others can
// change is refused (sys/trusted_file.h). A file that is named and missing is kInvalidInput.
Result<PolicyTexts> read_policy_texts(const std::vector<std::string>& files,
                                      const std::string& host_policy = kHostPolicy,
                                      const sys::Trust& trust = sys::Trust::of_this_process());
Result<std::vector<Policy>> decode_policies(const PolicyTexts& texts);
Result<std::vector<Policy>> read_policies(const std::vector<std::string>& files,
                                          const std::string& host_policy = kHostPolicy,
                                          const sys::Trust& trust = sys::Trust::of_this_process());

}  // namespace ordeal::host
