#include "fault/target/world.h"

#include <unistd.h>

#include "core/base/text/text.h"
#include "platform/sys/process/protected.h"

namespace ordeal::target {

Result<World> World::look() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) < 0) return fail_errno("cannot read the host's name");
  World world;
  world.host = valid_text(name);
  world.processes = TRY(sys::list_processes());
  world.cgroups = TRY(sys::CgroupTree::discover());
  world.own = sys::own_chain();
  return world;
}

}  // namespace ordeal::target
