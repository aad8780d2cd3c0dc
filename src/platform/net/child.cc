#include "platform/net/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "core/base/io/file.h"

namespace ordeal::net {

namespace {

struct Pipe {
  UniqueFd read_end, write_end;
  static Result<Pipe> create() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return fail_errno("cannot make a pipe");
    return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
  }
};

// Made before the fork: between it and exec only async-signal-safe calls are allowed, since another thread may have
// held any lock.
struct Start {
  std::string program;
  std::vector<char*> argv, environment;
  pid_t parent = 0;
  bool dies_with_us = true;
  int out = -1, err = -1, report = -1;
};

[[noreturn]] void become(const Start& start) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGXFSZ, SIGINT, SIGTERM, SIGCHLD, SIGHUP}) signal(number, SIG_DFL);
  setpgid(0, 0);
  if (start.dies_with_us) prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  bool alone = start.dies_with_us && getppid() != start.parent;
  if (!alone && null >= 0 && dup2(null, 0) == 0 && dup2(start.out, 1) == 1 && dup2(start.err, 2) == 2) {
    // Ours are close-on-exec already; what our parent left open is not the child's business either.
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    execve(start.program.c_str(), start.argv.data(), start.environment.data());
  }
  int number = errno;
  [[maybe_unused]] ssize_t written = write(start.report, &number, sizeof number);
  _exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  return list;
}

// What is given more than once counts as it is given last.
std::vector<char*> environment_with(const std::vector<std::string>& more) {
  std::vector<char*> all;
  auto given = [&](std::string_view variable) {
    std::string_view name = variable.substr(0, variable.find('=') + 1);
    return std::any_of(more.begin(), more.end(), [&](const std::string& one) { return one.starts_with(name); });
  };
  for (char** variable = environ; *variable; ++variable)
    if (!given(*variable)) all.push_back(*variable);
  for (char* variable : pointers(more)) all.push_back(variable);
  all.push_back(nullptr);
  return all;
}

// A deadline that has passed when read() gives 8 bytes.
UniqueFd deadline_timer(Nanos timeout) {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  auto nanos = std::max<int64_t>(timeout.count(), 1);
  itimerspec spec{{}, {nanos / 1'000'000'000, nanos % 1'000'000'000}};
  timerfd_settime(timer.get(), 0, &spec, nullptr);
  return timer;
}

bool passed(int timer) {
  uint64_t ticks = 0;
  return read(timer, &ticks, sizeof ticks) == sizeof ticks;
}

bool exited(pid_t pid) {
  siginfo_t info{};
  return waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

// The group goes while its leader is still a zombie: until then its number cannot belong to anyone else.
void kill_group(pid_t pid) { kill(-pid, SIGKILL); }

// A killed program ends at once, but for one that the kernel holds: that is left to init, or to our own end.
void reap(const UniqueFd& pidfd, pid_t pid, ChildResult& result) {
  constexpr int kMostMillis = 50;
  pollfd wait{pidfd.get(), POLLIN, 0};
  poll(&wait, 1, kMostMillis);
  int status = 0;
  if (waitpid(pid, &status, WNOHANG) != pid) return;
  result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + result.signal;
}

Result<> exec_outcome(int report, pid_t pid, const std::string& program) {
  int number = 0;
  ssize_t got;
  while ((got = read(report, &number, sizeof number)) < 0 && errno == EINTR) {
  }
  if (got != sizeof number) return {};
  waitpid(pid, nullptr, 0);
  return fail_errno(fmt::format("cannot run {}", program), number);
}

}  // namespace

std::string to_text(const ChildResult& result) {
  if (result.timed_out) return "killed at its time limit";
  if (result.signal) return fmt::format("was ended by signal {}", result.signal);
  return fmt::format("exited with {}", result.exit_code);
}

Result<ChildRunner> ChildRunner::create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("cannot make the child runner's descriptor");
  return ChildRunner(std::move(epoll));
}

ChildRunner::~ChildRunner() {
  for (auto& [key, child] : children_) kill_group(child.pid);
  for (auto& [key, child] : children_) waitpid(child.pid, nullptr, WNOHANG);
}

Result<> ChildRunner::start(const std::vector<std::string>& argv, Nanos timeout, Callback callback) {
  return start(Command{argv, timeout}, std::move(callback));
}

Result<> ChildRunner::start(const Command& command, Callback callback) {
  if (command.argv.empty()) return fail(Errc::kInvalidInput, "a command needs a program");
  auto program = find_program(command.argv[0]);
  if (!program) return fail_errno(fmt::format("cannot run {}", command.argv[0]));
  Pipe out = TRY(Pipe::create()), err = TRY(Pipe::create()), report = TRY(Pipe::create());
  Start start;
  start.program = std::move(*program);
  start.argv = pointers(command.argv);
  start.argv.push_back(nullptr);
  start.environment = environment_with(command.environment);
  start.parent = getpid();
  start.dies_with_us = !command.outlives_us;
  start.out = out.write_end.get(), start.err = err.write_end.get(), start.report = report.write_end.get();
  Child child;
  child.started = boot_now();
  child.most_out = command.most_out;
  child.pid = fork();
  if (child.pid < 0) return fail_errno(fmt::format("cannot start {}", command.argv[0]));
  if (child.pid == 0) become(start);
  report.write_end.reset();
  TRY_VOID(exec_outcome(report.read_end.get(), child.pid, command.argv[0]));
  for (int fd : {out.read_end.get(), err.read_end.get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
  child.out = std::move(out.read_end);
  child.err = std::move(err.read_end);
  child.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  child.timer = deadline_timer(command.timeout);
  child.callback = std::move(callback);
  uint64_t key = ++last_key_;
  return watch(children_.emplace(key, std::move(child)).first->second, key);
}

Result<> ChildRunner::watch(Child& child, uint64_t key) {
  for (int fd : {child.pidfd.get(), child.out.get(), child.err.get(), child.timer.get()}) {
    epoll_event event{EPOLLIN, {.u64 = key}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
    auto error = fail_errno("cannot watch a command");
    kill_group(child.pid);
    reap(child.pidfd, child.pid, child.result);
    children_.erase(key);
    return error;
  }
  return {};
}

// So many reads at a time: more than a pipe holds, and no more, however fast it is filled again.
void ChildRunner::drain(Child& child) {
  constexpr int kMostReads = 16;
  std::array<char, 16384> chunk;
  for (UniqueFd* fd : {&child.out, &child.err}) {
    ssize_t got = 1;
    for (int reads = 0; *fd && reads < kMostReads && (got = read(fd->get(), chunk.data(), chunk.size())) > 0; ++reads) {
      auto size = static_cast<size_t>(got);
      ChildResult& result = child.result;
      result.output.append(chunk.data(), std::min(size, kMaxOutput - result.output.size()));
      if (fd == &child.err) continue;
      result.cut = result.cut || size > child.most_out - result.out.size();
      result.out.append(chunk.data(), std::min(size, child.most_out - result.out.size()));
    }
    // At its end: a closed pipe stays readable for ever.
    if (got == 0) fd->reset();
  }
}

void ChildRunner::on_event(uint64_t key) {
  auto found = children_.find(key);
  if (found == children_.end()) return;
  Child& child = found->second;
  bool over = exited(child.pid);
  child.result.timed_out = !over && passed(child.timer.get());
  if (!over && !child.result.timed_out) return drain(child);
  kill_group(child.pid);
  drain(child);
  reap(child.pidfd, child.pid, child.result);
  child.result.took = boot_now() - child.started;
  Child done = std::move(child);
  children_.erase(found);
  done.callback(done.result);
}

void ChildRunner::dispatch() {
  std::array<epoll_event, 32> events{};
  int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) on_event(events[i].data.u64);
}

}  // namespace ordeal::net
