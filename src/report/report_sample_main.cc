// report_sample FILE.html [held|long|interrupted]: writes the page of a made-up run, for looking at it.
#include <string_view>

#include "base/file.h"
#include "base/output.h"
#include "report/report.h"
#include "report/sample_run.h"

int main(int count, char** words) {
  using namespace ordeal;
  if (count < 2) {
    print_to_error("usage: report_sample FILE.html [held|long|interrupted]\n");
    return 2;
  }
  std::string_view kind = count > 2 ? words[2] : "";
  report::SampleOptions options;
  if (kind == "held") options = report::held_sample();
  if (kind == "long") options = report::long_sample();
  if (kind == "interrupted") options.verdict = false;
  std::string page = report::html_report(report::summarize(report::sample_run(options)));
  Result<> written = write_atomically(words[1], page);
  if (!written) print_to_error("{}\n", written.error().message());
  return written ? 0 : 7;
}
