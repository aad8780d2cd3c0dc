// Which directories root's runs kept their state in besides /var/lib/ordeal (--state-dir), so that what a dead run left
// there can be found. /var/lib/ordeal/state-dirs (0700) holds a symbolic link to each, called 0, 1, 2, …
#pragma once

#include <string>
#include <vector>

#include "platform/host/paths.h"

namespace ordeal::host {

constexpr const char* kNotedStateDirs = "/var/lib/ordeal/state-dirs";
constexpr int kMostStateDirs = 1000;

// As root, when that state directory is not root's usual one: adds it unless it is there already, and drops those that
// do not exist any more. At most kMostStateDirs are noted. Where nothing can be written, nothing happens: a run does
// not depend on it.
void note_state_dir(const Paths& paths, const std::string& notes = kNotedStateDirs);
// Those that still exist.
std::vector<std::string> noted_state_dirs(const std::string& notes = kNotedStateDirs);

}  // namespace ordeal::host
