#include "cli/progress.h"

#include <fmt/format.h>

#include <cstdio>

namespace ordeal::cli {

Progress::Progress(const RunOptions& options, const std::vector<std::string>& warnings)
    : json_(options.json), quiet_(options.quiet) {
  for (const std::string& text : warnings) warn(text);
}

void Progress::show(const RunEvent& event) {
  if (json_) {
    fmt::print("{}\n", json::write(to_json(event)));
    std::fflush(stdout);
  }
}

void Progress::warn(const std::string& text) {
  if (!quiet_) fmt::print(stderr, "ordeal: warning: {}\n", text);
}

void Progress::finish(const Verdict& verdict, const std::string& run_id, const RunOptions&) {
  if (json_) return;
  fmt::print("{}: {}\n", to_text(verdict.outcome), verdict.reason);
  if (!verdict.hint.empty()) fmt::print("  {}\n", verdict.hint);
  fmt::print("  run {}; `ordeal report {}` has the report\n", run_id, run_id);
}

}  // namespace ordeal::cli
