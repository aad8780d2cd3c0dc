// Completion scripts, made from the outline. Each offers commands, options and values; what changes (runs, topics) it
// asks the program for.
#pragma once

#include <string>

#include "app/cli/manual/outline.h"

namespace ordeal::cli {

std::string bash_completion(const ProgramOutline& all);
std::string zsh_completion(const ProgramOutline& all);
std::string fish_completion(const ProgramOutline& all);

}  // namespace ordeal::cli
