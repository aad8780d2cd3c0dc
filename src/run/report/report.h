// The reports of one run, each a projection of its summary and nothing else. Every one is complete for an
// interrupted run too. The caller writes them to a file.
#pragma once

#include <string>

#include "run/report/summary.h"

namespace ordeal::report {

// One self-contained page: no script, nothing from elsewhere, light and dark, for screen, phone and paper.
std::string html_report(const RunSummary& summary);
// Everything in the summary with stable names; readings as statistics, not one by one (`ordeal run --json` has those).
std::string json_report(const RunSummary& summary);
// JUnit XML: one suite, a case for each expectation and time, and for the proof, the revert and the verdict.
// The suite is green exactly when the run's exit code is 0.
std::string junit_report(const RunSummary& summary);
// GitHub-flavoured Markdown, short enough for a comment on a change.
std::string markdown_report(const RunSummary& summary);

// Plain text for a terminal or a mail: what the page says, without its charts. 80 columns wide, no colours.
std::string text_report(const RunSummary& summary);

}  // namespace ordeal::report
