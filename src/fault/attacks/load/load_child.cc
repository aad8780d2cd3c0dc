#include "fault/attacks/load/load_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

// Below the guard (nice -20 or real time), above what the victim's machine usually runs: measured, at nice 0 a busy
// machine gives a burner half of what was asked.
constexpr int kNice = -19;
constexpr Nanos kDeathOfThawed = 200ms;
constexpr Nanos kMostWait = 2s;  // at once: the guard has waited before, and worked the others (Guard::end_gone)

std::string& load_program() {
  static std::string path = "/proc/self/exe";
  return path;
}

// A child that stands still reads nothing; the guard must not wait for it.
void never_wait(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

void set_load_program(std::string path) { load_program() = std::move(path); }

Result<LoadChild> LoadChild::start(const LoadPlan& plan) {
  sys::SpawnOptions options;
  options.argv = {"ordeal-guard"};
  options.argv.insert(options.argv.end(), plan.argv.begin(), plan.argv.end());
  options.program = load_program();
  options.in = options.out = sys::Stream::kPipe;
  options.err = sys::Stream::kNull;
  options.pass = plan.pass;
  options.die_with_parent = true;
  LoadChild load(TRY(sys::Child::start(options)));
  TRY_VOID(load.arrange(plan));
  never_wait(load.child_.in());
  never_wait(load.child_.out());
  if (::write(load.child_.in(), "g", 1) != 1) return fail_errno(fmt::format("cannot start the {}", plan.what));
  return load;
}

Result<> LoadChild::arrange(const LoadPlan& plan) {
  pid_t pid = child_.pid();
  // The guard may run in real time, which a cgroup without real-time budget does not take.
  sched_param none{};
  if (::sched_setscheduler(pid, SCHED_OTHER, &none) < 0)
    return fail_errno(fmt::format("cannot take the {} out of real time", plan.what));
  for (const sys::Cgroup& cgroup : plan.join) {
    auto joined = cgroup.join(pid);
    if (!joined)
      return wrap(std::move(joined).error(), fmt::format("the {} cannot join the victim's cgroup", plan.what));
    joined_.push_back(cgroup);
  }
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(pid), kNice) < 0)
    refused_.push_back(fmt::format("the {} cannot have priority {}: {}", plan.what, kNice, std::strerror(errno)));
  auto adjusted = write_existing(fmt::format("/proc/{}/oom_score_adj", pid), std::to_string(plan.oom_score_adj));
  if (!adjusted)
    return wrap(std::move(adjusted).error(), fmt::format("the kernel would not kill the {} first", plan.what));
  return {};
}

std::vector<int> LoadChild::descriptors() const {
  if (mute_) return {child_.fd()};
  return {child_.fd(), child_.out()};
}

Result<> LoadChild::listen() {
  char buffer[4096];
  ssize_t got = 0;
  while (!mute_ && (got = ::read(child_.out(), buffer, sizeof buffer)) > 0)
    heard_.append(buffer, static_cast<size_t>(got));
  mute_ = mute_ || got == 0;
  for (size_t end; (end = heard_.find('\n')) != std::string::npos; heard_.erase(0, end + 1))
    take_line(std::string_view(heard_).substr(0, end));
  auto ended = child_.wait(Nanos(0));
  if (!ended) return {};
  return fail(Errc::kNotInjected, complaint_.empty() ? fmt::format("the load process {}", ended->text()) : complaint_);
}

void LoadChild::take_line(std::string_view line) {
  if (line == "b") begun_ = true;
  if (line.starts_with('!')) complaint_ = line.substr(1);
  if (auto held = parse_number<int64_t>(line)) holds_ = *held;
}

void LoadChild::tell(int64_t amount) {
  std::string line = fmt::format("{}\n", amount);
  (void)!::write(child_.in(), line.data(), line.size());
}

void LoadChild::kill() {
  if (killed_) return;
  child_.kill_group(SIGKILL);
  killed_ = boot_now();
}

Result<> LoadChild::stop(Nanos patience) {
  kill();
  if (child_.wait(std::clamp(patience - (boot_now() - *killed_), Nanos(0), kMostWait))) return {};
  // Version 1 lets nobody die who is frozen: at the top of the hierarchy nobody is.
  for (sys::Cgroup cgroup : joined_) {
    while (auto up = cgroup.parent()) cgroup = *up;
    (void)cgroup.join(child_.pid());
  }
  if (child_.wait(kDeathOfThawed)) return {};
  pid_t pid = child_.pid();
  child_.detach();  // whoever destroys this must not wait for it
  return fail(Errc::kRevertFailed,
              fmt::format("the load process {} was killed and does not die: it waits in the kernel", pid),
              "see what it waits for: /proc/PID/wchan; a disk that hangs lets nobody go");
}

}  // namespace ordeal::fault
