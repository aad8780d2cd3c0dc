#include "net/child.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>

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

// Between fork and exec: only async-signal-safe calls, since another thread may have held any lock.
[[noreturn]] void become(char* const* argv, pid_t parent, int output, int report) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGCHLD, SIGHUP}) signal(number, SIG_DFL);
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (getppid() == parent && null >= 0 && dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2) {
    // Ours are close-on-exec already; what our parent left open is not the child's business either.
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
    execvp(argv[0], argv);
  }
  int number = errno;
  [[maybe_unused]] ssize_t written = write(report, &number, sizeof number);
  _exit(127);
}

// A deadline that has passed when read() gives 8 bytes.
UniqueFd deadline_timer(Nanos timeout) {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  auto nanos = std::max<int64_t>(timeout.count(), 1);
  itimerspec spec{{}, {nanos / 1'000'000'000, nanos % 1'000'000'000}};
  timerfd_settime(timer.get(), 0, &spec, nullptr);
  return timer;
}

// True at the end of the output.
bool drain(int fd, std::string& into, size_t limit) {
  std::array<char, 4096> chunk;
  ssize_t got;
  while ((got = read(fd, chunk.data(), chunk.size())) > 0) {
    into.append(chunk.data(), std::min<size_t>(static_cast<size_t>(got), limit - into.size()));
  }
  return got == 0;
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
void reap(pid_t pid, ChildResult& result) {
  kill(-pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
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

Result<ChildRunner> ChildRunner::create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("cannot make the child runner's descriptor");
  return ChildRunner(std::move(epoll));
}

ChildRunner::~ChildRunner() {
  for (auto& [key, child] : children_) reap(child.pid, child.result);
}

Result<> ChildRunner::start(const std::vector<std::string>& argv, Nanos timeout, Callback callback) {
  if (argv.empty()) return fail(Errc::kInvalidInput, "a command needs a program");
  std::vector<char*> pointers;
  for (const auto& word : argv) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  Pipe output = TRY(Pipe::create());
  Pipe report = TRY(Pipe::create());
  pid_t parent = getpid();
  Child child;
  child.started = boot_now();
  child.pid = fork();
  if (child.pid < 0) return fail_errno(fmt::format("cannot start {}", argv[0]));
  if (child.pid == 0) become(pointers.data(), parent, output.write_end.get(), report.write_end.get());
  report.write_end.reset();
  TRY_VOID(exec_outcome(report.read_end.get(), child.pid, argv[0]));
  fcntl(output.read_end.get(), F_SETFL, O_NONBLOCK);
  child.output = std::move(output.read_end);
  child.pidfd = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  child.timer = deadline_timer(timeout);
  child.callback = std::move(callback);
  uint64_t key = ++last_key_;
  return watch(children_.emplace(key, std::move(child)).first->second, key);
}

Result<> ChildRunner::watch(Child& child, uint64_t key) {
  for (int fd : {child.pidfd.get(), child.output.get(), child.timer.get()}) {
    epoll_event event{EPOLLIN, {.u64 = key}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
    auto error = fail_errno("cannot watch a command");
    reap(child.pid, child.result);
    children_.erase(key);
    return error;
  }
  return {};
}

void ChildRunner::on_event(uint64_t key) {
  auto found = children_.find(key);
  if (found == children_.end()) return;
  Child& child = found->second;
  // A closed pipe stays readable for ever; only the exit and the deadline matter then.
  if (drain(child.output.get(), child.result.output, kMaxOutput)) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, child.output.get(), nullptr);
  }
  bool over = exited(child.pid);
  child.result.timed_out = !over && passed(child.timer.get());
  if (!over && !child.result.timed_out) return;
  reap(child.pid, child.result);
  drain(child.output.get(), child.result.output, kMaxOutput);
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
