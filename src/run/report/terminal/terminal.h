// TerminalView: the live view of a run, a projection of its events as they come. Pure: no clock, no descriptor; the
// time, the width and whether colours are wanted come from outside (LiveTerminal writes).
// Rule: text of events never reaches the terminal raw; what would steer it is shown (base/printable.h).
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "run/report/terminal/terminal_style.h"
#include "run/report/wording.h"

namespace ordeal::report {

class TerminalView {
 public:
  void apply(const RunEvent& event);

  // The lines of one frame, each at most `style.width` columns wide. A breach stands in it to the end, whatever else
  // has to go where the style has a height: rows that hold go first.
  std::vector<std::string> frame(BootTime now, const TerminalStyle& style) const;

  // For a pipe or a log: the lines that became due since the last call, not cut. One for each thing that happened and
  // for each change of an expectation's state; else one line of readings at most every five seconds.
  std::vector<std::string> new_lines(BootTime now);

 private:
  struct Row {
    Reading reading = Reading::kHolds;  // the last that was judged; that one holds from the start is no news
    bool seen = false;
    bool judged = false;  // the last reading counts in its phase
    std::optional<double> value;
    std::deque<std::optional<double>> history;
  };
  struct Impact {
    std::string victim, does;
  };
  void on(const events::Run& run, const RunEvent& event);
  void on(const events::Look& look, const RunEvent& event);
  void take(const RunEvent& event);
  std::string state_of(size_t index) const;
  std::string phase_line(BootTime now) const;
  std::vector<std::string> impact_lines(size_t most) const;
  std::vector<std::string> row_lines(size_t most, const TerminalStyle& style) const;
  size_t name_width(const TerminalStyle& style) const;
  std::string row_line(size_t index, const TerminalStyle& style) const;
  std::string readings_line() const;
  EventText describe_here(const RunEvent& event) const;
  std::string stamped(BootTime at, const std::string& text) const;

  std::string run_, name_, hypothesis_;
  BootTime begin_, phase_begin_;
  Phase phase_ = Phase::kCheck;
  Nanos phase_length_{0};
  std::vector<ExpectationSummary> expectations_;  // without samples
  std::vector<Row> rows_;
  std::map<int, Impact> in_force_;
  std::set<int> one_way_;  // impacts of which nothing can be undone
  EventText last_;
  std::vector<std::string> breaches_;  // the first of each expectation
  std::set<uint64_t> breached_;
  std::vector<std::string> due_;
  BootTime readings_shown_;
  bool readings_fresh_ = false;
};

}  // namespace ordeal::report
