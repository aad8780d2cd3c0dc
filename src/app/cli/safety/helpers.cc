#include "app/cli/safety/helpers.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string_view>

#include "platform/host/registry.h"

namespace ordeal::cli {
namespace {

namespace fs = std::filesystem;
using Table = std::vector<sys::Process>;

std::string flag_of(const sys::Process& process, std::string_view flag) {
  auto at = std::find(process.argv.begin(), process.argv.end(), flag);
  return at == process.argv.end() || at + 1 == process.argv.end() ? "" : *(at + 1);
}

bool is_load(const sys::Process& process) { return process.comm == "ordeal-burn" || process.comm == "ordeal-load"; }

// A reaper is started from the running executable, so that its comm is "exe".
bool is_helper(const sys::Process& process) {
  bool named = process.comm == "ordeal-guard" || is_load(process);
  bool called = !process.argv.empty() && process.argv.front() == "ordeal-guard";
  return process.alive() && (named || called);
}

const sys::Process* parent_of(const sys::Process& process, const Table& table) {
  auto found = std::find_if(table.begin(), table.end(), [&](auto& other) { return other.pid == process.ppid; });
  return found == table.end() || !found->alive() ? nullptr : &*found;
}

// Whose command line says where the run is kept. A burner's does not, and it ends with the guard that started it.
const sys::Process* guard_of(const sys::Process& process, const Table& table) {
  bool starting = !flag_of(process, "--threads").empty() || !flag_of(process, "--load").empty();
  if (!is_load(process) && !starting) return &process;
  const sys::Process* parent = parent_of(process, table);
  return parent && is_helper(*parent) && parent->uid == process.uid ? parent : nullptr;
}

// "" when it cannot be read: the directory of a process that has gone, or of another user's.
std::string working_directory(pid_t pid) {
  std::error_code error;
  return fs::read_symlink(fmt::format("/proc/{}/cwd", pid), error);
}

std::string canonical(const fs::path& path) {
  std::error_code error;
  std::string text = fs::weakly_canonical(path, error);
  if (error) return "";
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// Where a helper keeps its run; nothing when that is not known.
std::optional<host::Paths> paths_of(const sys::Process& guard) {
  fs::path given = flag_of(guard, "--state-dir");
  if (given.empty() && guard.uid == 0) return host::Paths::of_root();
  if (given.empty() && guard.uid != ::geteuid()) return std::nullopt;
  if (!given.empty() && given.is_relative()) {
    fs::path base = working_directory(guard.pid);
    if (base.empty()) return std::nullopt;
    given = base / given;
  }
  auto paths = host::Paths::find(given.string());
  return paths ? std::optional(*paths) : std::nullopt;
}

// The one that asked for it, `ordeal`, is at work: its parent, or that of its guard.
bool has_a_caller(const sys::Process& helper, const Table& table) {
  const sys::Process* parent = parent_of(helper, table);
  for (int steps = 0; steps < 3 && parent && is_helper(*parent); ++steps) parent = parent_of(*parent, table);
  return parent && parent->comm == "ordeal" && parent->uid == helper.uid;
}

bool holds_its_lock(const host::Paths& theirs, const std::string& run) {
  if (run.empty()) return false;
  auto liveness = host::liveness_of(theirs, run);  // an error: another user's, whose registry is not ours to read
  return liveness && *liveness == host::RunLiveness::kLive;
}

bool lives_elsewhere(const sys::Process& guard, const host::Paths& ours, const Table& table) {
  auto theirs = paths_of(guard);
  std::string folder = theirs ? canonical(theirs->state) : "", own = canonical(ours.state);
  if (own.empty() || folder == own) return false;
  if (folder.empty() && guard.uid == ::geteuid()) return false;
  return (theirs && holds_its_lock(*theirs, flag_of(guard, "--run"))) || has_a_caller(guard, table);
}

}  // namespace

std::vector<Helper> find_helpers(const host::Paths& paths) {
  std::vector<Helper> helpers;
  const Table table = sys::list_processes().value_or(Table{});
  for (const sys::Process& process : table) {
    if (!is_helper(process) || sys::is_dying(process.pid, process.start_ticks)) continue;
    const sys::Process* guard = guard_of(process, table);
    helpers.push_back({process, guard ? flag_of(*guard, "--run") : "", guard && lives_elsewhere(*guard, paths, table)});
  }
  return helpers;
}

}  // namespace ordeal::cli
