// list and report: what the record holds.
#include <fmt/format.h>
#include <sys/stat.h>

#include "app/cli/commands.h"
#include "app/cli/record/write_report.h"
#include "core/base/io/output.h"
#include "core/base/io/output_file.h"
#include "core/json/value.h"
#include "core/model/run/run_id.h"
#include "platform/host/paths.h"
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

Result<> write_out(const std::string& text, const std::string& output) {
  if (!output.empty() && output != "-") return write_output(output, text);
  put_document(text);
  return {};
}

Result<> make_report(const std::string& state_dir, const std::string& run, const std::string& format,
                     const std::string& output) {
  std::string selector = TRY(parse_run_selector(run));
  host::Paths paths = TRY(host::Paths::find(state_dir));
  store::Store store = TRY(store::Store::open_to_read(paths.record()));
  store::RecordedRun recorded = TRY(store.load(selector));
  return write_out(TRY(render_report(recorded.events, format)), output);
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

ExitCode report_command(const std::string& state_dir, const std::string& run, const std::string& format,
                        const std::string& output) {
  auto made = make_report(state_dir, run, format, output);
  return made ? ExitCode::kHeld : print_bad_run(made.error());
}

}  // namespace ordeal::cli
