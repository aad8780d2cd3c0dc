#include "cli/write_report.h"

#include <fmt/format.h>

#include <array>

#include "report/report.h"

namespace ordeal::cli {
namespace {

struct Format {
  const char* name;
  const char* ending;
  std::string (*render)(const report::RunSummary&);
};
constexpr std::array<Format, 4> kFormats{{{"html", ".html", report::html_report},
                                          {"json", ".json", report::json_report},
                                          {"junit", ".xml", report::junit_report},
                                          {"md", ".md", report::markdown_report}}};

}  // namespace

Result<std::string> render_report(const std::vector<RunEvent>& events, const std::string& format) {
  report::RunSummary summary = report::summarize(events);
  for (const Format& known : kFormats)
    if (format == known.name) return known.render(summary);
  return fail(Errc::kInvalidInput, fmt::format("expected html, json, junit or md, found \"{}\"", format));
}

Result<std::string> format_of(const std::string& file) {
  for (const Format& known : kFormats)
    if (file.ends_with(known.ending)) return std::string(known.name);
  return fail(Errc::kInvalidInput,
              fmt::format("--report {}: expected a name ending in .html, .json, .xml or .md", file));
}

}  // namespace ordeal::cli
