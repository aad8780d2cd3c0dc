#include "fault/guard/recovery/dead_runs.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include "fault/guard/recovery/dead_run_fields.h"
#include "fault/guard/recovery/journal.h"
#include "platform/host/own_cgroup.h"
#include "platform/host/registry.h"

namespace ordeal::guard {
namespace {

namespace fs = std::filesystem;

constexpr Nanos kLookSoon = 2ms;
// A killed process that waits for a disk keeps its locks until the disk has answered.
constexpr Nanos kDiskPatience = 4s;

// A run is known by its journal, its folder, or both.
Result<std::set<std::string>> known_runs(const host::Paths& paths) {
  std::set<std::string> runs;
  std::error_code error;
  for (std::string& run : TRY(runs_with_journal(paths.journal_folder()))) runs.insert(std::move(run));
  for (const auto& entry : fs::directory_iterator(paths.run, error))
    if (entry.is_directory()) runs.insert(entry.path().filename());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno("cannot read " + paths.run, error.value());
  return runs;
}

Result<host::RunLiveness> await_death(const host::Paths& paths, const std::string& run, BootTime until) {
  for (;;) {
    host::RunLiveness life = TRY(host::liveness_of(paths, run));
    if (life != host::RunLiveness::kDying || boot_now() >= until) return life;
    std::this_thread::sleep_for(kLookSoon);
  }
}

bool is_gone(const Error& error) { return error.sys_errno == ENOENT; }
bool may_not(const Error& error) { return error.sys_errno == EACCES || error.sys_errno == EPERM; }

// The journal's lock is given up in the same exit as the run's, a moment before or after. Nothing when it is gone:
// somebody else has undone it meanwhile.
Result<std::optional<UniqueFd>> await_journal(const std::string& path, BootTime until) {
  for (;;) {
    auto lock = lock_journal(path);
    if (!lock && is_gone(lock.error())) return std::optional<UniqueFd>();
    if (!lock) return tl::unexpected(std::move(lock).error());
    if (*lock && ::access(path.c_str(), F_OK) == 0) return std::move(*lock);
    if (*lock) return std::optional<UniqueFd>();
    if (boot_now() >= until)
      return fail(Errc::kRevertFailed, "somebody still holds the journal " + path + ", and its run is dead");
    std::this_thread::sleep_for(kLookSoon);
  }
}

void undo(const fault::UndoRecord& record, DeadRun& dead) {
  auto done = fault::replay_undo(record);
  if (!done) return dead.failed.push_back(record.text + ": " + done.error().message());
  auto& list = *done == fault::Undone::kUndone     ? dead.undone
               : *done == fault::Undone::kAsBefore ? dead.as_before
                                                   : dead.other_boot;
  list.push_back(record.text);
}

Result<> replay_journal(const std::string& path, DeadRun& dead, BootTime until) {
  std::optional<UniqueFd> lock = TRY(await_journal(path, until));
  if (!lock) return {};
  std::map<int, fault::UndoRecord> open = TRY(read_journal(path));
  for (auto it = open.rbegin(); it != open.rend(); ++it) undo(it->second, dead);
  if (dead.failed.empty() && ::unlink(path.c_str()) < 0 && errno != ENOENT) return fail_errno("cannot remove " + path);
  return {};
}

Result<bool> remove_patiently(const host::Paths& paths, const std::string& run, BootTime until) {
  for (;;) {
    auto removed = host::remove_dead_run(paths, run);
    if ((removed && *removed) || boot_now() >= until) return removed;
    std::this_thread::sleep_for(kLookSoon);
  }
}

// Of a run that no process of ours keeps alive. Whoever still exits of it acts no more, so its journal is replayed as
// soon as its lock is free.
Result<> clean(const host::Paths& paths, const std::string& run, host::RunLiveness life, BootTime until,
               DeadRun& dead) {
  dead.run = run;
  auto replayed = replay_journal(paths.journal(run), dead, until);
  if (!replayed && may_not(replayed.error())) return replayed;
  if (!replayed) dead.failed.push_back(replayed.error().message());
  if (life == host::RunLiveness::kDying) {
    dead.failed.push_back("its processes are exiting and still hold " + paths.run_folder(run) + "/lock");
    return {};
  }
  auto removed = remove_patiently(paths, run, until);
  if (!removed) dead.failed.push_back(removed.error().message());
  return {};
}

// False when it left in good order meanwhile.
bool stands(const host::Paths& paths, const std::string& run) {
  return fs::exists(paths.journal(run)) || fs::exists(paths.run_folder(run));
}

Unexpected no_right(Error error) {
  error.code = Errc::kRefused;
  error.hint = "do this as the user who ran it, or as root; until then it is not known what is in force";
  return wrap(std::move(error), "cannot check what earlier runs left behind");
}

}  // namespace

json::Value to_json(const DeadRun& dead) { return json::Codec<DeadRun>::write(dead); }

Result<DeadRun> dead_run_from_json(const json::Value& value) {
  json::Document document{value, {}};
  return json::Codec<DeadRun>::read(json::Reader(document));
}

Result<std::vector<DeadRun>> clean_dead_runs(const host::Paths& paths, Nanos patience, const std::string& only) {
  std::vector<DeadRun> all;
  BootTime until = boot_now() + patience;
  auto runs = known_runs(paths);
  if (!runs && may_not(runs.error())) return no_right(std::move(runs).error());
  if (!runs) return tl::unexpected(std::move(runs).error());
  for (const std::string& run : *runs) {
    if (!only.empty() && run != only) continue;
    auto life = await_death(paths, run, until);
    if (!life && may_not(life.error())) return no_right(std::move(life).error());
    if (!life) return tl::unexpected(std::move(life).error());
    if (*life == host::RunLiveness::kLive || !stands(paths, run)) continue;
    DeadRun dead;
    if (auto cleaned = clean(paths, run, *life, until, dead); !cleaned) return no_right(std::move(cleaned).error());
    all.push_back(std::move(dead));
  }
  if (only.empty()) host::remove_empty_cgroups();
  return all;
}

Result<std::vector<sys::PidFd>> open_holders(const host::Paths& paths, const std::string& run_id) {
  std::vector<sys::PidFd> living;
  for (const ProcessId& id : TRY(host::holders_of(paths, run_id))) {
    auto handle = sys::PidFd::open(id.pid, id.start_ticks);
    if (handle) living.push_back(std::move(*handle));
    if (!handle && handle.error().code != Errc::kNotFound) return tl::unexpected(std::move(handle).error());
  }
  return living;
}

Result<DeadRun> end_run(const host::Paths& paths, const std::string& run_id, const std::vector<sys::PidFd>& holders,
                        Nanos grace) {
  BootTime until = boot_now() + grace;
  for (const sys::PidFd& holder : holders) holder.wait_death(std::max(until - boot_now(), Nanos(0)));
  for (const sys::PidFd& holder : holders) {
    auto killed = holder.signal(SIGKILL);
    if (!killed && killed.error().code != Errc::kNotFound) return no_right(std::move(killed).error());
  }
  until = boot_now() + kDiskPatience;
  for (const sys::PidFd& holder : holders) holder.wait_death(std::max(until - boot_now(), Nanos(0)));
  DeadRun dead;
  dead.run = run_id;
  if (!stands(paths, run_id)) return dead;
  // Its holders were ended: the journal is replayed also when the registry cannot be asked.
  host::RunLiveness life = await_death(paths, run_id, until).value_or(host::RunLiveness::kDying);
  if (life == host::RunLiveness::kLive)
    return fail(Errc::kRevertFailed, fmt::format("the run {} is still alive", run_id));
  TRY_VOID(clean(paths, run_id, life, std::max(until, boot_now() + kExitTimeout), dead));
  return dead;
}

Result<> remove_run(const host::Paths& paths, const std::string& run_id, Nanos patience) {
  bool removed = TRY(remove_patiently(paths, run_id, boot_now() + patience));
  if (!removed) return fail(Errc::kTimeout, fmt::format("the run {} is still alive", run_id));
  return {};
}

}  // namespace ordeal::guard
