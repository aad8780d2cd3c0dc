#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/commands.h"
#include "fault/fault.h"
#include "sys/capability.h"
#include "sys/cgroup.h"

namespace ordeal::cli {

ExitCode doctor_command(const std::string&, bool) {
  for (const fault::Fault* fault : fault::all_faults()) fmt::print("{}\n", fault->info().type);
  return ExitCode::kHeld;
}

}  // namespace ordeal::cli
