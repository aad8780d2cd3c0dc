#include "fault/target/snapshot.h"

#include <unistd.h>

#include "core/base/text/text.h"
#include "platform/sys/process/protected.h"

namespace ordeal::target {

Result<Snapshot> Snapshot::look() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) < 0) return fail_errno("cannot read the host's name");
  Snapshot snapshot;
  snapshot.host = valid_text(name);
  snapshot.processes = TRY(sys::list_processes());
  snapshot.cgroups = TRY(sys::CgroupTree::discover());
  snapshot.own = sys::own_chain();
  return snapshot;
}

}  // namespace ordeal::target
