// report_sample FILE.html|events [held|long|interrupted|troubled]: the page of a made-up run, for looking at it, or its
// events, a line each.
#include <string_view>

#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "run/report/report.h"
#include "sample_run/sample_run.h"

int main(int count, char** words) {
  using namespace ordeal;
  if (count < 2) {
    print_to_error("usage: report_sample FILE.html|events [held|long|interrupted|troubled]\n");
    return 2;
  }
  std::string_view kind = count > 2 ? words[2] : "";
  SampleOptions options;
  if (kind == "held") options = held_sample();
  if (kind == "long") options = long_sample();
  if (kind == "interrupted") options.verdict = false;
  if (kind == "troubled") options = troubled_sample();
  std::vector<RunEvent> events = sample_run(options);
  if (std::string_view(words[1]) == "events") {
    for (const RunEvent& event : events) put_json(json::write(to_json(event)) + "\n");
    return finish_output() ? 0 : 7;
  }
  Result<> written = write_atomically(words[1], report::html_report(report::summarize(events)));
  if (!written) print_to_error("{}\n", written.error().message());
  return written ? 0 : 7;
}
