#include "platform/host/priority.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace ordeal::host {

Nanos raise_priority() {
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  ::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
  sched_param parameters{};
  parameters.sched_priority = 1;
  if (::sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters) == 0) return 500ms;
  ::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &(parameters = {}));
  if (::setpriority(PRIO_PROCESS, 0, -20) == 0) return 500ms;
  return 2s;
}

}  // namespace ordeal::host
