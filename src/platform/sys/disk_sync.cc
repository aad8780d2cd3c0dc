#include "platform/sys/disk_sync.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ordeal::sys {

Result<DiskSync> DiskSync::start() {
  pid_t pid = ::fork();
  if (pid < 0) return fail_errno("cannot fork to write out the disks");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::close_range(0, ~0U, 0);  // whoever watches our sockets must see us end
    ::sync();
    ::_exit(0);
  }
  auto process = PidFd::of_child(pid);
  if (process) return DiskSync(std::move(*process));
  ::kill(pid, SIGKILL);
  return tl::unexpected(std::move(process).error());
}

DiskSync::~DiskSync() {
  if (process_.fd() < 0) return;
  (void)process_.signal(SIGKILL);
  ::waitpid(process_.pid(), nullptr, WNOHANG);
}

}  // namespace ordeal::sys
