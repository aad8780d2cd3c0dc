// The names under which an agent is known on its host: its lock, the policy of each Injection that it carries out, and
// the runs of its guards. In the host's run folder it makes files and no folders: folders there are runs.
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

// The run id of a guard whose run has another guard on this node already (of an earlier Injection): one of its own, the
// same after a restart of the agent.
std::string id_of_joiner(const std::string& run, const std::string& injection_uid);

std::string policy_file(const host::Paths& paths, const std::string& injection_uid);
// Those of agents that were killed. Under the node's lock only: a guard whose policy is gone ends its impacts.
void remove_policy_files(const host::Paths& paths);

}  // namespace ordeal::agent
