// Reports of a run's events in each format, and the format that a file's ending asks for. Secrets are hidden, also
// those of a record that was kept before they were.
#pragma once

#include <string>
#include <vector>

#include "app/cli/options.h"
#include "core/base/io/output_file.h"
#include "core/base/result.h"
#include "core/model/run/run_event.h"
#include "run/report/summary.h"

namespace ordeal::cli {

// Secrets in its texts are hidden.
RunEvent without_secrets(RunEvent event);
report::RunSummary summary_of(std::vector<RunEvent> events);
// `format`: html, json, junit, md or text.
Result<std::string> render_report(std::vector<RunEvent> events, const std::string& format);
// ".html" is html, ".json" json, ".xml" junit, ".md" md, ".txt" text.
Result<std::string> format_of(const std::string& file);

// To the file that was named, else to standard output.
Result<> put_page(const std::string& text, const std::string& output);
// The report of `ordeal report`. A person at a terminal gets text; a file what its ending asks for; all others the
// page.
Result<> put_report(std::vector<RunEvent> events, const ReportOptions& options);

struct ReportFile {
  std::string format;
  OutputFile file;
};
// Says before a run what could not be written after it, when this process has no capabilities any more: a file in a
// folder that is not its own is then opened at once. It forks: before the first thread.
Result<std::vector<ReportFile>> prepare_reports(const std::vector<std::string>& files);

}  // namespace ordeal::cli
