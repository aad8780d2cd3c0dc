#include "app/cli/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

namespace ordeal::cli {

Result<UniqueFd> take_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  if (::pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("cannot block signals");
  UniqueFd fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return fail_errno("cannot take signals");
  return fd;
}

}  // namespace ordeal::cli
