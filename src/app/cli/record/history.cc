// list and report: what the record holds.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "app/cli/commands.h"
#include "app/cli/record/write_report.h"
#include "core/base/io/output.h"
#include "core/json/value.h"
#include "core/model/run/run_id.h"
#include "platform/host/paths.h"
#include "run/report/index_page.h"
#include "run/report/wording.h"
#include "run/store/store.h"

namespace ordeal::cli {
namespace {

Result<std::vector<store::RunRow>> read_list(const std::string& state_dir, size_t limit) {
  host::Paths paths = TRY(host::Paths::find(state_dir));
  struct stat unused {};
  if (::stat(paths.record().c_str(), &unused) < 0) return std::vector<store::RunRow>{};
  store::Store store = TRY(store::Store::open_to_read(paths.record()));
  return store.list(limit);
}

json::Value row_json(const store::RunRow& row) {
  return json::Object{{"id", row.id},
                      {"name", row.name},
                      {"started", row.started},
                      {"verdict", row.verdict},
                      {"exit", row.exit ? json::Value(*row.exit) : json::Value(nullptr)}};
}

Result<> make_report(const ReportOptions& options) {
  std::string selector = TRY(parse_run_selector(options.run));
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  store::Store store = TRY(store::Store::open_to_read(paths.record()));
  store::RecordedRun recorded = TRY(store.load(selector));
  return put_report(std::move(recorded.events), options);
}

// "RUN.html" where that lies beside the page.
std::string link_beside(const std::string& output, const std::string& run) {
  if (output.empty() || output == "-") return {};
  std::filesystem::path page(output);
  std::error_code none;
  std::string name = run + ".html";
  return std::filesystem::is_regular_file(page.parent_path() / name, none) ? name : "";
}

std::string attack_of(const std::optional<RunEvent>& begun) {
  if (!begun) return {};
  const auto* run = as<events::Run>(*begun);
  return run ? report::attack_in_words(run->attack, run->victims, run->parts) : "";
}

Result<> make_index(const ReportOptions& options) {
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  std::vector<report::IndexEntry> entries;
  if (::access(paths.record().c_str(), F_OK) != 0) return put_page(report::html_index(entries), options.output);
  store::Store store = TRY(store::Store::open_to_read(paths.record()));
  for (const store::RunRow& row : TRY(store.list(SIZE_MAX / 2))) {
    auto begun = TRY(store.first_event(row.id));
    if (begun) begun = without_secrets(std::move(*begun));
    entries.push_back(
        {row.id, row.name, row.started, row.verdict, attack_of(begun), link_beside(options.output, row.id)});
  }
  return put_page(report::html_index(entries), options.output);
}

Result<> check(const ReportOptions& options) {
  if (options.all && !options.run.empty())
    return fail(Errc::kInvalidInput, "report: expected a RUN or --all, found both");
  if (options.all && !options.format.empty() && options.format != "html")
    return fail(Errc::kInvalidInput, "report --all: the page of all runs is html", "`ordeal list --json` gives JSON");
  if (!options.all && options.run.empty())
    return fail(Errc::kInvalidInput, "report: expected a RUN, such as \"last\", or --all",
                "`ordeal list` shows all runs");
  return {};
}

}  // namespace

ExitCode list_command(const std::string& state_dir, size_t limit, bool json) {
  auto rows = read_list(state_dir, limit);
  if (!rows) return print_error(rows.error());
  for (const store::RunRow& row : *rows) {
    if (json) {
      print_json(row_json(row));
    } else {
      print("{:<26} {:<24} {:<14} {}\n", row.id, row.started, row.verdict, row.name);
    }
  }
  if (rows->empty() && !json) print("No runs yet.\n");
  return ExitCode::kHeld;
}

ExitCode report_command(const ReportOptions& options) {
  auto fit = check(options);
  if (!fit) return print_error(fit.error());
  bool listed = options.all && options.output.empty() && ::isatty(STDOUT_FILENO) != 0;
  if (listed) return list_command(options.state_dir, SIZE_MAX / 2, false);
  auto made = options.all ? make_index(options) : make_report(options);
  return made ? ExitCode::kHeld : print_bad_run(made.error());
}

}  // namespace ordeal::cli
