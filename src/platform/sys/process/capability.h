// Capabilities of a process by name ("CAP_NET_ADMIN"). Dropping is for the calling thread and what it starts: drop
// before the first thread is made. It cannot be undone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::sys {

// The effective set; pid 0 is this process.
Result<std::set<std::string>> effective_capabilities(pid_t pid = 0);
// From the hexadecimal text after "CapEff:". A number without a name is "CAP_41".
Result<std::set<std::string>> parse_capabilities(std::string_view hexadecimal);
// Effective, permitted, inheritable and ambient sets become empty, and no program started later gains any.
Result<> drop_all_capabilities();
// What `ask` says in a child of ours that has dropped them. It is a fork without exec: call it before the first thread
// is made.
Result<std::string> without_capabilities(const std::function<std::string()>& ask);

}  // namespace ordeal::sys
