#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "fault/faults.h"
#include "sys/nearest.h"

namespace ordeal::fault {

const std::vector<const Fault*>& all_faults() {
  static const std::vector<const Fault*> table{
      &cpu_fault(),
      &latency_fault(),
      &pause_fault(),
      &process_killer_fault(),
      &shutdown_fault(),
  };
  return table;
}

Result<const Fault*> find_fault(const std::string& type) {
  std::vector<std::string> names;
  for (const Fault* fault : all_faults()) {
    const std::string& name = fault->info().type;
    if (name == type) return fault;
    names.push_back(name);
  }
  std::string guess = sys::nearest_name(type, names);
  if (!guess.empty()) guess = fmt::format("did you mean \"{}\"? ", guess);
  return fail(Errc::kInvalidInput, fmt::format("no attack is called \"{}\"", type),
              fmt::format("{}there are: {}", guess, join(names, ", ")));
}

}  // namespace ordeal::fault
