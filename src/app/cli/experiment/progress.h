// Progress: what a person, or a program with --json, sees of a run while it goes on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/run/run_event.h"
#include "run/report/terminal/live_terminal.h"
#include "run/session/run_options.h"

namespace ordeal::cli {

class Progress {
 public:
  Progress(const session::RunOptions& options, const std::vector<std::string>& warnings);
  void show(const RunEvent& event);
  // Shows what has come since it was drawn last; to be called now and then, also when nothing comes.
  void refresh(BootTime now);
  void warn(const std::string& text);
  void show(const std::string& text);
  // `events`: all of the run.
  void finish(const std::string& run_id, const Verdict& verdict, const std::vector<RunEvent>& events);

 private:
  const session::RunOptions& options_;
  std::optional<report::LiveTerminal> terminal_;  // for people
  BootTime updated_{};
};

}  // namespace ordeal::cli
