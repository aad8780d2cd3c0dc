#include "guard/dead_runs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <set>
#include <thread>

#include "guard/journal.h"
#include "guard/registry.h"

namespace ordeal::guard {
namespace {

namespace fs = std::filesystem;

constexpr Nanos kLookAgain = 2ms;

// A run is known by its journal, its folder, or both.
Result<std::set<std::string>> known_runs(const Paths& paths) {
  std::set<std::string> runs;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(paths.journal_folder(), error))
    if (entry.path().extension() == ".journal") runs.insert(entry.path().stem());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno("cannot read " + paths.journal_folder(), error.value());
  for (const auto& entry : fs::directory_iterator(paths.run, error))
    if (entry.is_directory()) runs.insert(entry.path().filename());
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno("cannot read " + paths.run, error.value());
  return runs;
}

Result<Life> await_death(const Paths& paths, const std::string& run, BootTime until) {
  for (;;) {
    Life life = TRY(life_of(paths, run));
    if (life != Life::kDying || boot_now() >= until) return life;
    std::this_thread::sleep_for(kLookAgain);
  }
}

// The journal's lock is given up in the same exit as the run's, a moment before or after.
Result<UniqueFd> await_journal(const std::string& path, BootTime until) {
  for (;;) {
    std::optional<UniqueFd> lock = TRY(lock_journal(path));
    if (lock) return std::move(*lock);
    if (boot_now() >= until)
      return fail(Errc::kRevertFailed, "somebody still holds the journal " + path + ", and its run is dead");
    std::this_thread::sleep_for(kLookAgain);
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
  if (::access(path.c_str(), F_OK) < 0) return {};
  UniqueFd lock = TRY(await_journal(path, until));
  std::map<int, fault::UndoRecord> open = TRY(read_journal(path));
  for (auto it = open.rbegin(); it != open.rend(); ++it) undo(it->second, dead);
  if (dead.failed.empty() && ::unlink(path.c_str()) < 0 && errno != ENOENT) return fail_errno("cannot remove " + path);
  return {};
}

Result<bool> remove_patiently(const Paths& paths, const std::string& run, BootTime until) {
  for (;;) {
    auto removed = remove_dead_run(paths, run);
    if ((removed && *removed) || boot_now() >= until) return removed;
    std::this_thread::sleep_for(kLookAgain);
  }
}

// Nothing when it left in good order meanwhile.
std::optional<DeadRun> clean(const Paths& paths, const std::string& run, Life life, BootTime until) {
  if (!fs::exists(paths.journal(run)) && !fs::exists(paths.run_folder(run))) return std::nullopt;
  DeadRun dead;
  dead.run = run;
  if (life == Life::kDying) {
    dead.failed.push_back("its processes are exiting and still hold " + paths.run_folder(run) + "/lock");
    return dead;
  }
  if (auto replayed = replay_journal(paths.journal(run), dead, until); !replayed)
    dead.failed.push_back(replayed.error().message());
  if (auto removed = remove_patiently(paths, run, until); !removed) dead.failed.push_back(removed.error().message());
  return dead;
}

}  // namespace

Result<std::vector<DeadRun>> clean_dead_runs(const Paths& paths, Nanos patience) {
  std::vector<DeadRun> all;
  BootTime until = boot_now() + patience;
  for (const std::string& run : TRY(known_runs(paths))) {
    Life life = TRY(await_death(paths, run, until));
    if (life == Life::kLive) continue;
    if (auto dead = clean(paths, run, life, until)) all.push_back(std::move(*dead));
  }
  return all;
}

Result<> bury_run(const Paths& paths, const std::string& run_id, Nanos patience) {
  bool removed = TRY(remove_patiently(paths, run_id, boot_now() + patience));
  if (!removed) return fail(Errc::kTimeout, fmt::format("the run {} still lives", run_id));
  return {};
}

}  // namespace ordeal::guard
