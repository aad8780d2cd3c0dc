// The report as text, as wide and as colourful as a terminal is.
#pragma once

#include <string>

#include "run/report/summary.h"
#include "run/report/terminal/terminal_style.h"

namespace ordeal::report {

std::string text_report(const RunSummary& summary, const TerminalStyle& style);
// The last lines of a live view: the verdict, what it took, what to do next, and where the report is ("" is nowhere).
std::string ending_in_words(const RunSummary& summary, const std::string& report_path, const TerminalStyle& style);

}  // namespace ordeal::report
