#include "platform/host/registry.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "core/json/fields.h"
#include "core/model/claim.h"
#include "platform/host/own_cgroup.h"
#include "platform/sys/process/process.h"

namespace ordeal::json {

using host::ActiveRun;

template <>
struct Shape<ActiveRun> {
  static constexpr auto kFields = std::tuple{must("run", &ActiveRun::run), must("claims", &ActiveRun::claims),
                                             must("targets", &ActiveRun::targets)};
};

}  // namespace ordeal::json

namespace ordeal::host {
namespace {

namespace fs = std::filesystem;

// It is held for milliseconds.
constexpr Nanos kLockPatience = 2s;

Result<UniqueFd> open_lock(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno("cannot open " + path);
  (void)::fchmod(fd.get(), 0600);  // one that others may open, they may hold
  return fd;
}

Result<UniqueFd> lock_registry(const Paths& paths) {
  UniqueFd fd = TRY(open_lock(paths.run + "/registry.lock"));
  for (BootTime end = boot_now() + kLockPatience; ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0;) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail_errno("cannot lock the registry");
    if (boot_now() > end)
      return fail(Errc::kTimeout, "somebody holds " + paths.run + "/registry.lock, and makes no progress",
                  "`lslocks` names the process");
    std::this_thread::sleep_for(1ms);
  }
  return fd;
}

// True when no live process holds the run's lock.
bool is_dead(const std::string& folder) {
  UniqueFd fd(::open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return errno == ENOENT;
  return ::flock(fd.get(), LOCK_EX | LOCK_NB) == 0;
}

Result<ActiveRun> read_claims(const std::string& folder) {
  std::string path = folder + "/claims.json";
  auto text = read_file(path);
  // Entered, and nothing claimed yet. One that cannot be read may claim anything.
  if (!text && text.error().sys_errno == ENOENT) return ActiveRun{fs::path(folder).filename(), {}, 0};
  if (!text) return tl::unexpected(std::move(text).error());
  json::Document document{TRY(json::parse(*text)), {}};
  auto run = json::Codec<ActiveRun>::read(json::Reader(document));
  if (!run) return wrap(std::move(run).error(), path);
  return run;
}

// The numbers of processes mean something within one PID namespace only.
ino_t pid_namespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

struct Holder {
  ProcessId id;
  ino_t space = 0;
};

// Nothing where a line makes no sense.
std::optional<std::vector<Holder>> read_holders(const std::string& folder) {
  std::vector<Holder> holders;
  std::string text = read_file(folder + "/lock").value_or("");
  auto words = split_words(text);
  for (size_t i = 0; i + 2 < words.size(); i += 3) {
    auto pid = parse_number<pid_t>(words[i]);
    auto start = parse_number<uint64_t>(words[i + 1]);
    auto space = parse_number<ino_t>(words[i + 2]);
    if (!pid || !start || !space) return std::nullopt;
    holders.push_back({{*pid, *start}, *space});
  }
  return holders;
}

// True when the lock names its holders, we could see them, and none of them runs any more.
bool holders_are_dying(const std::string& folder) {
  auto holders = read_holders(folder);
  if (!holders || holders->empty()) return false;
  return std::all_of(holders->begin(), holders->end(), [](const Holder& holder) {
    return holder.space == pid_namespace() && sys::is_dying(holder.id.pid, holder.id.start_ticks);
  });
}

Result<> remove_folder(const std::string& folder) {
  std::error_code error;
  fs::remove_all(folder, error);
  if (error) return fail_errno("cannot remove " + folder, error.value());
  return {};
}

// Under the registry's lock. The folder names the cgroup, so it goes last.
Result<> remove_traces(const Paths& paths, const std::string& run_id) {
  // Its reaper's, when that was killed too. Its standby may live on for a moment, and then removes its own.
  TRY_VOID(leave_own_cgroup(run_id));
  auto standby = leave_own_cgroup(run_id, Role::kStandby);
  if (!standby && standby.error().sys_errno != EBUSY) return standby;
  return remove_folder(paths.run_folder(run_id));
}

// Under the registry's lock.
Result<std::vector<ActiveRun>> read_active(const Paths& paths, const std::string& except) {
  std::vector<ActiveRun> active;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(paths.run, error)) {
    if (!entry.is_directory() || entry.path().filename() == except) continue;
    if (is_dead(entry.path())) {
      (void)remove_traces(paths, entry.path().filename());  // what is left now is the next one's to remove
    } else {
      active.push_back(TRY(read_claims(entry.path())));
    }
  }
  if (error) return fail_errno("cannot read " + paths.run, error.value());
  return active;
}

Result<> check_caps(const std::vector<ActiveRun>& active, const std::vector<Policy>& policies, int64_t chosen,
                    int64_t candidates) {
  ActiveLoad load;
  for (const ActiveRun& run : active) load.runs += run.targets > 0, load.targets += run.targets;
  for (const Policy& policy : policies)
    if (auto rule = cap_broken(policy, load, chosen, candidates)) return fail(Errc::kRefused, *rule);
  return {};
}

}  // namespace

Registration::Registration(Paths paths, std::string run_id, UniqueFd lock)
    : paths_(std::move(paths)),
      run_id_(std::move(run_id)),
      folder_(paths_.run_folder(run_id_)),
      lock_(std::move(lock)) {}

Result<Registration> Registration::enter(const Paths& paths, const std::string& run_id) {
  UniqueFd registry = TRY(lock_registry(paths));
  std::string folder = paths.run_folder(run_id);
  TRY_VOID(make_folders(folder, 0755));
  UniqueFd lock = TRY(open_lock(folder + "/lock"));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) < 0) return fail_errno("cannot lock " + folder);
  TRY_VOID(name_holder(lock.get(), ::getpid()));
  return Registration(paths, run_id, std::move(lock));
}

Result<> Registration::write() const {
  json::Object state{{"v", 1}};
  json::write_fields(ActiveRun{run_id_, claims_, targets_}, state);
  return replace_whole(folder_ + "/claims.json", json::write(state));  // claims end with the machine
}

// Under the registry's lock.
Result<> Registration::check_others(const std::vector<std::string>& claims, const std::vector<Policy>& policies,
                                    int64_t new_targets, int64_t candidates) const {
  std::vector<ActiveRun> active = TRY(read_active(paths_, run_id_));
  TRY_VOID(check_conflicts(active, claims));
  return check_caps(active, policies, targets_ + new_targets, candidates);
}

Result<> Registration::check(const std::vector<std::string>& claims, const std::vector<Policy>& policies,
                             int64_t new_targets, int64_t candidates) const {
  UniqueFd registry = TRY(lock_registry(paths_));
  return check_others(claims, policies, new_targets, candidates);
}

Result<> Registration::claim(const std::vector<std::string>& claims, const std::vector<Policy>& policies,
                             int64_t new_targets, int64_t candidates) {
  UniqueFd registry = TRY(lock_registry(paths_));
  if (auto meeting = first_meeting(claims_, claims, Between::kImpactsOfOneRun))
    return fail(Errc::kRefused, fmt::format("the run {} already holds {}", run_id_, describe_meeting(*meeting)),
                "two victims of the run share the same resource: choose one of them");
  TRY_VOID(check_others(claims, policies, new_targets, candidates));
  claims_.insert(claims_.end(), claims.begin(), claims.end());
  targets_ += new_targets;
  return write();
}

Result<> Registration::release(const std::vector<std::string>& claims, int64_t targets) {
  UniqueFd registry = TRY(lock_registry(paths_));
  for (const std::string& claim : claims)
    if (auto it = std::find(claims_.begin(), claims_.end(), claim); it != claims_.end()) claims_.erase(it);
  targets_ -= targets;
  return write();
}

void Registration::leave() { (void)remove_folder(folder_); }

Result<> name_holder(int lock_fd, pid_t pid) {
  std::string line = fmt::format("{} {} {}\n", pid, TRY(sys::read_stat(pid)).start_ticks, pid_namespace());
  off_t end = ::lseek(lock_fd, 0, SEEK_END);
  if (end < 0 || ::pwrite(lock_fd, line.data(), line.size(), end) != static_cast<ssize_t>(line.size()))
    return fail_errno("cannot write the run's lock");
  return {};
}

Result<std::vector<ProcessId>> holders_of(const Paths& paths, const std::string& run_id) {
  auto holders = read_holders(paths.run_folder(run_id));
  if (!holders) return fail(Errc::kInternal, fmt::format("the lock of the run {} cannot be read", run_id));
  std::vector<ProcessId> ids;
  for (const Holder& holder : *holders) {
    if (holder.space != pid_namespace())
      return fail(Errc::kRefused, fmt::format("the run {} is of another PID namespace", run_id),
                  "do it where the run was started");
    ids.push_back(holder.id);
  }
  return ids;
}

Result<> check_conflicts(const std::vector<ActiveRun>& active, const std::vector<std::string>& claims) {
  for (const ActiveRun& run : active)
    if (auto meeting = first_meeting(run.claims, claims))
      return fail(Errc::kRefused, fmt::format("the run {} already holds {}", run.run, describe_meeting(*meeting)),
                  fmt::format("wait for it, or end it with `ordeal halt {}`", run.run));
  return {};
}

Result<std::vector<ActiveRun>> active_runs(const Paths& paths) {
  if (!fs::exists(paths.run)) return std::vector<ActiveRun>{};
  UniqueFd registry = TRY(lock_registry(paths));
  return read_active(paths, "");
}

Result<RunLiveness> liveness_of(const Paths& paths, const std::string& run_id) {
  std::string folder = paths.run_folder(run_id);
  if (!fs::exists(folder)) return RunLiveness::kDead;
  UniqueFd registry = TRY(lock_registry(paths));
  if (is_dead(folder)) return RunLiveness::kDead;
  return holders_are_dying(folder) ? RunLiveness::kDying : RunLiveness::kLive;
}

Result<bool> remove_dead_run(const Paths& paths, const std::string& run_id) {
  if (!fs::exists(paths.run_folder(run_id))) return true;
  UniqueFd registry = TRY(lock_registry(paths));
  if (!is_dead(paths.run_folder(run_id))) return false;
  TRY_VOID(remove_traces(paths, run_id));
  return true;
}

Result<std::vector<ActiveRun>> recorded_runs(const Paths& paths) {
  std::vector<ActiveRun> runs;
  std::error_code error;
  for (fs::directory_iterator it(paths.run, error), end; !error && it != end; it.increment(error)) {
    std::error_code unknown, gone;
    if (!it->is_directory(unknown) && !unknown) continue;
    auto run = read_claims(it->path());
    if (!run && !fs::exists(it->path(), gone) && !gone) continue;  // it has ended meanwhile
    if (!run) return tl::unexpected(std::move(run).error());
    runs.push_back(std::move(*run));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno("cannot read " + paths.run, error.value());
  return runs;
}

Result<> request_halt(const Paths& paths, const std::string& run_id, const std::string& reason) {
  std::string folder = paths.run_folder(run_id);
  if (!fs::exists(folder) || is_dead(folder))
    return fail(Errc::kNotFound, fmt::format("no live run {}", run_id), "`ordeal list` shows the runs");
  auto written = write_atomically(folder + "/halt", reason);
  if (written || make_empty(folder + "/halt")) return {};
  return written;
}

}  // namespace ordeal::host
