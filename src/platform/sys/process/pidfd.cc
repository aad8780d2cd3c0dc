#include "platform/sys/process/pidfd.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/syscall.h>

#include "platform/sys/process/process.h"

namespace ordeal::sys {

Result<PidFd> PidFd::of_child(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd) return PidFd(pid, std::move(fd));
  if (errno == ESRCH) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid));
  return fail_errno(fmt::format("cannot open a handle on process {}", pid));
}

Result<PidFd> PidFd::open(pid_t pid, uint64_t start_ticks) {
  PidFd handle = TRY(of_child(pid));
  // Read after the handle exists: an equal start time means that the handle is on the process we mean.
  ProcessStat stat = TRY(read_stat(pid));
  if (stat.start_ticks != start_ticks)
    return fail(Errc::kNotFound, fmt::format("process {} is gone; its number belongs to {} now", pid, stat.comm));
  if (handle.dead()) return fail(Errc::kNotFound, fmt::format("process {} is dead", pid));
  return handle;
}

Result<> PidFd::signal(int number) const {
  if (::syscall(SYS_pidfd_send_signal, fd_.get(), number, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return fail(Errc::kNotFound, fmt::format("process {} is gone", pid_));
  return fail_errno(fmt::format("cannot send signal {} to process {}", number, pid_));
}

bool PidFd::wait_death(Nanos limit) const {
  BootTime end = boot_now() + limit;
  for (;;) {
    Nanos left = std::max(end - boot_now(), Nanos(0));
    pollfd poll{fd_.get(), POLLIN, 0};
    int millis = static_cast<int>(std::chrono::ceil<milliseconds>(left).count());
    int n = ::poll(&poll, 1, millis);
    if (n > 0) return true;
    if (n == 0) return false;
    if (errno != EINTR) return false;
  }
}

}  // namespace ordeal::sys
