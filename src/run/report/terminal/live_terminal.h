// LiveTerminal: writes a TerminalView to a descriptor: redrawn in place on a terminal; elsewhere line by line
// on standard output.
// It never hides the cursor and never changes the terminal's mode, so a run that is killed leaves a usable terminal.
// Rule: call update() after events and every 100 ms or so, finish() once.
#pragma once

#include <string>

#include "run/report/terminal/terminal.h"

namespace ordeal::report {

struct TerminalOptions {
  int fd = 1;
  bool redraw = false;  // a terminal that understands cursor movement
  bool colour = false;
};
// From the descriptor and the environment: NO_COLOR, TERM=dumb.
TerminalOptions terminal_options(int fd);
// As wide as it is now; 80 columns where that is not known.
TerminalStyle style_of(const TerminalOptions& options);

class LiveTerminal {
 public:
  explicit LiveTerminal(const TerminalOptions& options) : options_(options) {}

  void apply(const RunEvent& event) { view_.apply(event); }
  void update(BootTime now);
  void finish(const RunSummary& summary, const std::string& report_path);

 private:
  void redraw(BootTime now);
  void write(std::string_view text);

  TerminalOptions options_;
  TerminalView view_;
  size_t drawn_ = 0;    // lines of the last frame
  bool stuck_ = false;  // the reader does not read; nothing is waited for
};

}  // namespace ordeal::report
