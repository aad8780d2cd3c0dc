// verify-clean: what is different from before the last run, and anything of Ordeal's that still stands. What dead runs
// have left is undone first, and said.
#include <fmt/format.h>

#include <filesystem>

#include "app/cli/commands.h"
#include "app/cli/safety/fingerprint.h"
#include "app/cli/safety/replay.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/json/reader.h"
#include "platform/host/registry.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/fingerprint.h"
#include "platform/sys/process/process.h"

namespace ordeal::cli {
namespace {

std::string file_of(const host::Paths& paths) { return paths.state + "/fingerprint.json"; }

Result<sys::Fingerprint> read_fingerprint(const host::Paths& paths) {
  auto text = read_file(file_of(paths), size_t{16} << 20);
  if (!text) return fail(Errc::kNotFound, "there is no fingerprint yet", "it is taken when a run starts");
  json::Document document{TRY(json::parse(*text)), {}};
  sys::Fingerprint print;
  for (const auto& [section, lines] : TRY(json::Reader(document).fields())) {
    auto& into = print[section];
    for (const json::Reader& line : TRY(lines.items())) into.push_back(TRY(line.text()));
  }
  return print;
}

void find_journals(const host::Paths& paths, std::vector<std::string>& left) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(paths.journal_folder(), error))
    left.push_back("journal " + entry.path().string());
}

void find_cgroups(std::vector<std::string>& left) {
  auto tree = sys::CgroupTree::discover();
  if (!tree) return;
  for (const sys::Hierarchy& hierarchy : tree->hierarchies()) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(hierarchy.mount, error))
      if (entry.path().filename().string().starts_with("ordeal-")) left.push_back("cgroup " + entry.path().string());
  }
}

void find_processes(std::vector<std::string>& left) {
  for (const sys::Process& process : sys::list_processes().value_or(std::vector<sys::Process>{}))
    if (process.comm == "ordeal-guard" && process.alive())
      left.push_back(fmt::format("process {} {}", process.pid, process.command_line()));
}

// Of Ordeal's own, while no run is live.
std::vector<std::string> leftovers(const host::Paths& paths) {
  std::vector<std::string> left;
  find_journals(paths, left);
  find_cgroups(left);
  find_processes(left);
  return left;
}

}  // namespace

Result<> save_fingerprint(const host::Paths& paths) {
  json::Object object;
  for (const auto& [section, lines] : sys::take_fingerprint()) {
    json::Array array;
    for (const std::string& line : lines) array.push_back(json::Value(line));
    object[section] = std::move(array);
  }
  return write_atomically(file_of(paths), json::write(object), 0600);
}

ExitCode verify_clean_command(const std::string& state_dir, bool json) {
  auto paths = host::Paths::find(state_dir);
  if (!paths) return print_error(paths.error());
  auto undone = replay({state_dir, "", {}});  // first, since it waits for those whose processes are exiting
  if (!undone) return print_error(undone.error());
  if (!json) print_runs(*undone);
  auto active = host::active_runs(*paths);
  if (!active) return print_error(refusal_of(active.error()).value());
  if (!active->empty())
    return print_error(Error{Errc::kRefused, "the run " + active->front().run + " is live", 0,
                             "wait for it, or `ordeal halt` it", nullptr});
  auto before = read_fingerprint(*paths);
  if (!before) return print_error(before.error());
  std::vector<std::string> differences = sys::compare(*before, sys::take_fingerprint());
  for (std::string& left : leftovers(*paths)) differences.push_back(std::move(left));
  for (const guard::DeadRun& run : *undone)
    for (const std::string& failed : run.failed) differences.push_back(run.run + ": NOT undone: " + failed);
  json::Array list;
  for (const std::string& difference : differences) list.push_back(json::Value(difference));
  if (json)
    print_json(
        json::Object{{"clean", differences.empty()}, {"differences", std::move(list)}, {"runs", runs_json(*undone)}});
  if (!json)
    for (const std::string& difference : differences) print("{}\n", difference);
  if (!json && differences.empty()) print("Clean: nothing differs from before the last run.\n");
  return differences.empty() ? ExitCode::kHeld : ExitCode::kRevertFailed;
}

}  // namespace ordeal::cli
