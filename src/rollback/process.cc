#include "rollback/process.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
namespace ordeal::rollback {
namespace {

Result<> watch(int epoll, int fd) {
  epoll_event event{EPOLLIN, {.fd = fd}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) return fail_errno("cannot watch a program");
  return {};
}

void arm(int timer, Nanos limit) {
  int64_t nanos = std::max<int64_t>(limit.count(), 1);
  itimerspec spec{{}, {nanos / 1'000'000'000, nanos % 1'000'000'000}};
  ::timerfd_settime(timer, 0, &spec, nullptr);
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all;
  for (char** variable = environ; *variable; ++variable) all.emplace_back(*variable);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

Result<Process> Process::create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  UniqueFd timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll || !timer) return fail_errno("cannot make a program's descriptors");
  TRY_VOID(watch(epoll.get(), timer.get()));
  return Process(std::move(epoll), std::move(timer));
}

Result<> Process::start(const std::vector<std::string>& argv, const std::vector<std::string>& more, Nanos limit,
                        Callback callback) {
  sys::SpawnOptions options;
  options.argv = argv;
  options.environment = environment_with(more);
  options.out = options.err = sys::Stream::kPipe;
  child_ = TRY(sys::Child::start(options));
  end_ = {};
  callback_ = std::move(callback);
  limit_ = limit;
  started_ = boot_now();
  for (int fd : {child_->out(), child_->err()}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  for (int fd : {child_->fd(), child_->out(), child_->err()}) TRY_VOID(watch(epoll_.get(), fd));
  arm(timer_.get(), limit);
  return {};
}

void Process::take(int fd, bool out) {
  std::array<char, 4096> chunk;
  ssize_t got;
  while ((got = ::read(fd, chunk.data(), chunk.size())) > 0) {
    auto size = static_cast<size_t>(got);
    end_.output.append(chunk.data(), std::min(size, kMostShown - end_.output.size()));
    if (out) end_.out.append(chunk.data(), std::min(size, kMostOut - end_.out.size()));
  }
  // A closed pipe stays readable for ever.
  if (got == 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Process::drain() {
  take(child_->out(), true);
  take(child_->err(), false);
}

void Process::dispatch() {
  if (!child_) return;
  drain();
  auto status = child_->wait(Nanos(0));
  bool late = !status && boot_now() - started_ >= limit_;
  if (!status && !late) return;
  drain();
  end_.ok = status && status->ok();
  end_.timed_out = !status;
  end_.result = status ? status->text() : "killed at its time limit";
  child_.reset();  // kills the whole group
  itimerspec never{};
  ::timerfd_settime(timer_.get(), 0, &never, nullptr);
  Callback callback = std::move(callback_);
  callback(ProcessEnd(std::move(end_)));
}

}  // namespace ordeal::rollback
