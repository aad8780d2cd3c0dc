// report_sample FILE.html|FILE.json|events [KIND]: the report of a made-up run, for looking at it, or its events, one
// per line. KIND "index" is the page over all of them; report_sample kinds names them.
#include <string_view>

#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "run/report/index_page.h"
#include "run/report/report.h"
#include "run/report/wording.h"
#include "sample_run/sample_run.h"

namespace {

using namespace ordeal;

// Of all kinds, every second one with a link.
std::string index_of_kinds() {
  std::vector<report::IndexEntry> entries;
  for (const SampleKind& kind : sample_kinds()) {
    report::RunSummary run = report::summarize(sample_run(kind.options));
    entries.push_back({run.run, run.name + " (" + kind.name + ")", run.wall(run.begin),
                       run.verdict ? run.verdict->outcome : "interrupted",
                       report::attack_in_words(run.attack, run.victims),
                       entries.size() % 2 ? "" : kind.name + ".html"});
  }
  return report::html_index(entries);
}

}  // namespace

int main(int count, char** words) {
  std::string_view where = count > 1 ? words[1] : "", kind = count > 2 ? words[2] : "deviated";
  std::optional<SampleOptions> options;
  for (const SampleKind& known : sample_kinds()) {
    if (where == "kinds") print("{}\n", known.name);
    if (kind == known.name) options = known.options;
  }
  if (where == "kinds") return finish_output() ? 0 : 7;
  if (kind == "index" && !where.empty()) return write_atomically(words[1], index_of_kinds()) ? 0 : 7;
  if (where.empty() || !options) {
    print_to_error("usage: report_sample FILE.html|FILE.json|events [KIND|index], report_sample kinds\n");
    return 2;
  }
  std::vector<RunEvent> events = sample_run(*options);
  if (where == "events") {
    for (const RunEvent& event : events) put_json(json::write(to_json(event)) + "\n");
    return finish_output() ? 0 : 7;
  }
  report::RunSummary summary = report::summarize(events);
  Result<> written = write_atomically(
      words[1], where.ends_with(".json") ? report::json_report(summary) : report::html_report(summary));
  if (!written) print_to_error("{}\n", written.error().message());
  return written ? 0 : 7;
}
