// The command line: every command, option and help text of `ordeal`, in one place. --help, the man pages and the
// completions are made from it.
#pragma once

#include <memory>

#include "core/model/run/exit_code.h"

namespace CLI {
class App;
}

namespace ordeal::cli {

// What the command that was called came to.
struct Choice {
  ExitCode code = ExitCode::kHeld;
};

// `choice` must outlive it: a command that is parsed is called at once, and leaves its exit code there.
std::unique_ptr<CLI::App> describe(Choice& choice);

}  // namespace ordeal::cli
