#include "app/cli/experiment/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include "app/cli/commands.h"
#include "core/base/io/output.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kRedrawEvery = 100ms;

}  // namespace

Progress::Progress(const session::RunOptions& options, const std::vector<std::string>& warnings) : options_(options) {
  if (!options.json && !options.quiet) terminal_.emplace(report::terminal_options(STDOUT_FILENO));
  for (const std::string& text : warnings) warn(text);
}

void Progress::show(const RunEvent& event) {
  if (options_.json) {
    print_json(to_json(event));
    push_output();
  }
  if (terminal_) terminal_->apply(event);
  refresh(event.boot);
}

void Progress::refresh(BootTime now) {
  if (!terminal_ || now - updated_ < kRedrawEvery) return;
  updated_ = now;
  terminal_->update(now);
}

void Progress::warn(const std::string& text) {
  if (!options_.quiet) print_to_error("ordeal: warning: {}\n", text);
}

void Progress::show(const std::string& text) {
  if (!options_.quiet) print_to_error("ordeal: {}\n", text);
}

void Progress::finish(const std::string& run_id, const Verdict& verdict, const std::vector<RunEvent>& events) {
  if (options_.quiet) print("{}: {}\n", to_text(verdict.outcome), verdict.reason);
  std::string where = "ordeal report " + run_id;
  if (!options_.state_dir.empty()) where += " --state-dir " + options_.state_dir;
  if (!options_.reports.empty()) where = options_.reports.front();
  if (terminal_) terminal_->finish(report::summarize(events), where);
}

}  // namespace ordeal::cli
