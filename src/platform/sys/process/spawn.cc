#include "platform/sys/process/spawn.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <array>

#include "core/base/io/file.h"

namespace ordeal::sys {
namespace {

struct Pipe {
  UniqueFd read, write;
};

Result<Pipe> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return fail_errno("cannot make a pipe");
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// Everything that the child needs, made before the fork: between fork and exec only system calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* folder = nullptr;
  std::array<int, 3> streams{-1, -1, -1};  // -1: inherit
  std::vector<std::pair<int, int>> pass;
  bool die_with_parent = false;
  pid_t parent = 0;
  int report = -1;  // gets errno when something fails
};

bool place_descriptors(Prepared& prepared) {
  // First out of the way of every number that is to be filled, then into place.
  int highest = 3;
  for (auto& [from, to] : prepared.pass) highest = std::max(highest, to + 1);
  prepared.report = ::fcntl(prepared.report, F_DUPFD_CLOEXEC, highest);
  if (prepared.report < 0) return false;
  for (int& fd : prepared.streams)
    if (fd >= 0 && (fd = ::fcntl(fd, F_DUPFD_CLOEXEC, highest)) < 0) return false;
  for (auto& [from, to] : prepared.pass)
    if ((from = ::fcntl(from, F_DUPFD_CLOEXEC, highest)) < 0) return false;
  // Libraries may hold descriptors without O_CLOEXEC; none of them leaves with us.
  if (::syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC) < 0) return false;
  for (int i = 0; i < 3; ++i)
    if (prepared.streams[i] >= 0 && ::dup2(prepared.streams[i], i) < 0) return false;
  for (auto& [from, to] : prepared.pass)
    if (::dup2(from, to) < 0) return false;
  return true;
}

void reset_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become(Prepared& prepared) {
  bool ready = place_descriptors(prepared);
  if (ready && prepared.die_with_parent) {
    ready = ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0;
    // The parent may have died before the line above.
    if (::getppid() != prepared.parent) ::_exit(127);
  }
  reset_signals();
  ready = ready && ::setpgid(0, 0) == 0;
  ready = ready && (!prepared.folder || ::chdir(prepared.folder) == 0);
  if (ready) ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.environment.data());
  int number = errno;
  (void)!::write(prepared.report, &number, sizeof number);
  ::_exit(127);
}

// One stream of the child: the descriptor it gets, and our end when it is a pipe.
Result<> open_stream(Stream kind, int number, Pipe& pipe, UniqueFd& null, int& child_end, UniqueFd& our_end) {
  if (kind == Stream::kInherit) return {};
  if (kind == Stream::kNull) {
    if (!null) null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return fail_errno("cannot open /dev/null");
    child_end = null.get();
    return {};
  }
  pipe = TRY(make_pipe());
  child_end = number == 0 ? pipe.read.get() : pipe.write.get();
  our_end = std::move(number == 0 ? pipe.write : pipe.read);
  return {};
}

}  // namespace

std::string ExitStatus::text() const {
  if (signal) return fmt::format("was ended by signal {} ({})", signal, ::strsignal(signal));
  return fmt::format("exited with {}", code);
}

namespace {

Result<Prepared> prepare(const SpawnOptions& options) {
  if (options.argv.empty()) return fail(Errc::kInvalidInput, "no program to start");
  Prepared prepared;
  const std::string& name = options.program.empty() ? options.argv[0] : options.program;
  auto program = find_program(name);
  if (!program) return fail_errno("cannot run " + name);
  prepared.program = std::move(*program);
  prepared.argv = pointers(options.argv);
  if (options.environment) {
    prepared.environment = pointers(*options.environment);
  } else {
    for (char** entry = environ; *entry; ++entry) prepared.environment.push_back(*entry);
    prepared.environment.push_back(nullptr);
  }
  prepared.folder = options.folder.empty() ? nullptr : options.folder.c_str();
  prepared.pass = options.pass;
  prepared.die_with_parent = options.die_with_parent;
  prepared.parent = ::getpid();
  return prepared;
}

// The errno that the child has reported; 0 once it runs the program.
int failure_of(int report) {
  int number = 0;
  ssize_t got = 0;
  while ((got = ::read(report, &number, sizeof number)) < 0 && errno == EINTR) {
  }
  return got == sizeof number ? number : 0;
}

}  // namespace

Result<Child> Child::start(const SpawnOptions& options) {
  Prepared prepared = TRY(prepare(options));
  std::array<Pipe, 3> pipes;
  std::array<UniqueFd, 3> ours;
  UniqueFd null;
  const std::array<Stream, 3> kinds{options.in, options.out, options.err};
  for (int i = 0; i < 3; ++i) TRY_VOID(open_stream(kinds[i], i, pipes[i], null, prepared.streams[i], ours[i]));
  Pipe report = TRY(make_pipe());
  prepared.report = report.write.get();

  pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork for " + prepared.program);
  if (pid == 0) become(prepared);
  auto handle = PidFd::of_child(pid);
  report.write.reset();
  int failure = failure_of(report.read.get());
  if (!handle) ::kill(pid, SIGKILL);
  if (!handle || failure != 0) ::waitpid(pid, nullptr, 0);
  if (!handle) return tl::unexpected(std::move(handle).error());
  if (failure != 0) return fail_errno("cannot run " + options.argv[0], failure);
  Child child(std::move(*handle));
  child.in_ = std::move(ours[0]);
  child.out_ = std::move(ours[1]);
  child.err_ = std::move(ours[2]);
  return child;
}

std::optional<ExitStatus> Child::wait(Nanos limit) {
  if (status_) return status_;
  if (!handle_->wait_death(limit)) return std::nullopt;
  int status = 0;
  pid_t got = 0;
  while ((got = ::waitpid(handle_->pid(), &status, 0)) < 0 && errno == EINTR) {
  }
  status_ = ExitStatus{};
  if (got == handle_->pid()) {
    if (WIFEXITED(status)) status_->code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) status_->signal = WTERMSIG(status);
  }
  return status_;
}

void Child::kill_group(int signal) const {
  // Once the child was waited for, its number and its group's may be somebody else's.
  if (!status_) ::kill(-handle_->pid(), signal);
}

void Child::end() {
  if (!handle_ || status_) return;
  kill_group(SIGKILL);
  wait(10s);
}

void Child::detach() {
  wait(Nanos(0));
  handle_.reset();
}

Child::~Child() { end(); }

Child::Child(Child&& other) noexcept
    : handle_(std::move(other.handle_)),
      status_(other.status_),
      in_(std::move(other.in_)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {
  other.handle_.reset();
}

Child& Child::operator=(Child&& other) noexcept {
  end();
  handle_ = std::move(other.handle_);
  other.handle_.reset();
  status_ = other.status_;
  in_ = std::move(other.in_);
  out_ = std::move(other.out_);
  err_ = std::move(other.err_);
  return *this;
}

}  // namespace ordeal::sys
