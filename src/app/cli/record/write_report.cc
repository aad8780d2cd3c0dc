#include "app/cli/record/write_report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "core/base/io/output.h"
#include "core/json/hide.h"
#include "platform/sys/process/capability.h"
#include "run/report/report.h"
#include "run/report/terminal/live_terminal.h"
#include "run/report/terminal/text_report.h"

namespace ordeal::cli {
namespace {

struct Format {
  const char* name;
  const char* ending;
  std::string (*render)(const report::RunSummary&);
};
constexpr std::array<Format, 5> kFormats{{{"html", ".html", report::html_report},
                                          {"json", ".json", report::json_report},
                                          {"junit", ".xml", report::junit_report},
                                          {"md", ".md", report::markdown_report},
                                          {"text", ".txt", report::text_report}}};

Result<std::string> render(std::vector<RunEvent> events, const ReportOptions& options) {
  if (!options.format.empty()) return render_report(std::move(events), options.format);
  if (!options.output.empty()) return render_report(std::move(events), format_of(options.output).value_or("html"));
  if (::isatty(STDOUT_FILENO) == 0) return render_report(std::move(events), "html");
  auto style = report::style_of(report::terminal_options(STDOUT_FILENO));
  return report::text_report(summary_of(std::move(events)), style);
}

}  // namespace

// No field of an event has a name or a type that hiding would change: what is read again is the event.
RunEvent without_secrets(RunEvent event) {
  json::Object hidden = json::without_secrets(events::to_json(event.data), hidden_in_output()).as_object();
  std::string type(events::type_of(event.data));
  auto data = events::read(type, hidden);
  event.data = data ? std::move(*data) : events::Data(events::Unknown{std::move(type), std::move(hidden)});
  return event;
}

report::RunSummary summary_of(std::vector<RunEvent> events) {
  for (RunEvent& event : events) event = without_secrets(std::move(event));
  return report::summarize(events);
}

Result<std::string> render_report(std::vector<RunEvent> events, const std::string& format) {
  report::RunSummary summary = summary_of(std::move(events));
  for (const Format& known : kFormats)
    if (format == known.name) return known.render(summary);
  return fail(Errc::kInvalidInput, fmt::format("expected html, json, junit, md or text, found \"{}\"", format));
}

Result<std::string> format_of(const std::string& file) {
  for (const Format& known : kFormats)
    if (file.ends_with(known.ending)) return std::string(known.name);
  return fail(Errc::kInvalidInput,
              fmt::format("--report {}: expected a name ending in .html, .json, .xml, .md or .txt", file));
}

Result<> put_page(const std::string& text, const std::string& output) {
  if (!output.empty() && output != "-") return write_output(output, text);
  put_document(text);
  return {};
}

Result<> put_report(std::vector<RunEvent> events, const ReportOptions& options) {
  return put_page(TRY(render(std::move(events), options)), options.output);
}

Result<std::vector<ReportFile>> prepare_reports(const std::vector<std::string>& files) {
  std::vector<ReportFile> reports;
  for (const std::string& file : files) {
    std::string format = TRY(format_of(file));
    auto in_the_end = [&] { return std::string(OutputFile::prepare(file) ? "can be written" : ""); };
    bool later = !TRY(sys::without_capabilities(in_the_end)).empty();
    auto way = later ? OutputFile::Mode::kReplace : OutputFile::Mode::kInPlace;
    OutputFile prepared = TRY(OutputFile::prepare(file, way));
    reports.push_back({std::move(format), std::move(prepared)});
  }
  return reports;
}

}  // namespace ordeal::cli
