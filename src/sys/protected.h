// The processes that no experiment file can make a victim: the host's init, kernel threads, Ordeal
// itself and everything it was started from, sshd, kubelet and the container runtimes. Known by program and by name,
// so that a renamed copy is rather protected once too often.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "sys/process.h"

namespace ordeal::sys {

// This process and its ancestors, up to init: the shell or service that runs Ordeal is in it.
std::set<pid_t> own_chain();

// Why it is protected ("sshd is always protected"), or nothing. `own` is own_chain(), made once for a whole list.
std::optional<std::string> always_protected(const Process& process, const std::set<pid_t>& own = own_chain());

}  // namespace ordeal::sys
