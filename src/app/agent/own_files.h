// The files of an agent in the host's run folder: its lock, and the policy of each Injection that it carries out. Files
// and no folders: folders there are runs.
#pragma once

#include <string>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "platform/host/paths.h"

namespace ordeal::agent {

// Held for as long as the agent lives, so that a node never has two at work. Waits for an older one to end, for
// `patience`; kRefused after that.
Result<UniqueFd> lock_node(const host::Paths& paths, Nanos patience);

std::string policy_file(const host::Paths& paths, const std::string& injection_uid);
// Those of agents that were killed. Under the node's lock only: a guard whose policy is gone ends its impacts.
void remove_policy_files(const host::Paths& paths);

}  // namespace ordeal::agent
