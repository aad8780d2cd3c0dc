#include "platform/sys/process/child_runner.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/io/wait.h"

namespace ordeal::sys {
namespace {

// What is given more than once counts as it is given last.
std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all;
  auto given = [&](std::string_view variable) {
    std::string_view name = variable.substr(0, variable.find('=') + 1);
    return std::any_of(more.begin(), more.end(), [&](const std::string& one) { return one.starts_with(name); });
  };
  for (char** variable = environ; *variable; ++variable)
    if (!given(*variable)) all.emplace_back(*variable);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

// A deadline that has passed when read() gives 8 bytes.
UniqueFd deadline_timer(Nanos timeout) {
  UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  itimerspec spec{{}, to_timespec(std::max(timeout, Nanos(1)))};
  timerfd_settime(timer.get(), 0, &spec, nullptr);
  return timer;
}

bool passed(int timer) {
  uint64_t ticks = 0;
  return read(timer, &ticks, sizeof ticks) == sizeof ticks;
}

// A killed program ends at once, but for one that the kernel holds: that is left to init, or to our own end.
void reap(Child& child, ChildResult& result) {
  auto status = child.wait(50ms);
  if (!status) return child.detach();
  result.signal = status->signal;
  result.exit_code = status->signal ? 128 + status->signal : status->code;
}

}  // namespace

std::string to_text(const ChildResult& result) {
  if (result.timed_out) return "killed at its time limit";
  return ExitStatus{result.exit_code, result.signal}.text();
}

Result<ChildRunner> ChildRunner::create() {
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return fail_errno("cannot make the child runner's descriptor");
  return ChildRunner(std::move(epoll));
}

ChildRunner::~ChildRunner() {
  for (auto& [key, running] : children_) running.child.kill_group(SIGKILL);
  for (auto& [key, running] : children_) running.child.detach();
}

Result<> ChildRunner::start(const std::vector<std::string>& argv, Nanos timeout, Callback callback) {
  return start(Command{argv, timeout}, std::move(callback));
}

Result<> ChildRunner::start(const Command& command, Callback callback) {
  SpawnOptions options;
  options.argv = command.argv;
  options.environment = environment_with(command.environment);
  options.out = options.err = Stream::kPipe;
  options.die_with_parent = !command.outlives_us;
  Child child = TRY(Child::start(options));
  std::array<UniqueFd, 2> streams{child.take_out(), child.take_err()};
  for (const UniqueFd& fd : streams) fcntl(fd.get(), F_SETFL, O_NONBLOCK);
  Running running{std::move(child), std::move(streams), deadline_timer(command.timeout), command.most_out,
                  std::move(callback)};
  uint64_t key = ++last_key_;
  return watch(children_.emplace(key, std::move(running)).first->second, key);
}

Result<> ChildRunner::watch(Running& running, uint64_t key) {
  for (int fd : {running.child.fd(), running.streams[0].get(), running.streams[1].get(), running.timer.get()}) {
    epoll_event event{EPOLLIN, {.u64 = key}};
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) continue;
    auto error = fail_errno("cannot watch a command");
    running.child.kill_group(SIGKILL);
    reap(running.child, running.result);
    children_.erase(key);
    return error;
  }
  return {};
}

// So many reads at a time: more than a pipe holds, and no more, however fast it is filled again.
void ChildRunner::drain(Running& running) {
  constexpr int kMostReads = 16;
  std::array<char, 16384> chunk;
  for (UniqueFd& fd : running.streams) {
    ssize_t got = 1;
    for (int reads = 0; fd && reads < kMostReads && (got = read(fd.get(), chunk.data(), chunk.size())) > 0; ++reads) {
      auto size = static_cast<size_t>(got);
      ChildResult& result = running.result;
      result.output.append(chunk.data(), std::min(size, kMaxOutput - result.output.size()));
      if (&fd == &running.streams[1]) continue;
      result.cut = result.cut || size > running.most_out - result.out.size();
      result.out.append(chunk.data(), std::min(size, running.most_out - result.out.size()));
    }
    // At its end: a closed pipe stays readable for ever.
    if (got == 0) fd.reset();
  }
}

void ChildRunner::on_event(uint64_t key) {
  auto found = children_.find(key);
  if (found == children_.end()) return;
  Running& running = found->second;
  bool over = running.child.ended();
  running.result.timed_out = !over && passed(running.timer.get());
  if (!over && !running.result.timed_out) return drain(running);
  // While its leader is still a zombie: until then the group's number cannot belong to anyone else.
  running.child.kill_group(SIGKILL);
  drain(running);
  reap(running.child, running.result);
  running.result.took = boot_now() - running.started;
  Running done = std::move(running);
  children_.erase(found);
  done.callback(done.result);
}

void ChildRunner::dispatch() {
  std::array<epoll_event, 32> events{};
  int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) on_event(events[i].data.u64);
}

Result<ChildResult> run(const Command& command) {
  ChildRunner runner = TRY(ChildRunner::create());
  std::optional<ChildResult> ended;
  TRY_VOID(runner.start(command, [&](const ChildResult& result) { ended = result; }));
  return wait_for(runner, ended);
}

}  // namespace ordeal::sys
