// Man pages, made from the outline.
#pragma once

#include <string>

#include "app/cli/manual/outline.h"

namespace ordeal::cli {

// ordeal(1).
std::string program_page(const ProgramOutline& all);
// ordeal-COMMAND(1).
std::string command_page(const CommandOutline& command);

}  // namespace ordeal::cli
