#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "platform/sys/nearest.h"

namespace ordeal::fault {

const std::vector<const Fault*>& all_faults() {
#define ORDEAL_LIST_FAULT(name) &name##_fault(),
  static const std::vector<const Fault*> table{ORDEAL_EACH_FAULT(ORDEAL_LIST_FAULT)};
#undef ORDEAL_LIST_FAULT
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
  return fail(Errc::kInvalidInput, fmt::format("unknown attack \"{}\"", type),
              fmt::format("{}known attacks: {}", guess, join(names, ", ")));
}

Result<const Fault*> resolve(Attack& attack) {
  auto fault = find_fault(attack.type);
  if (!fault) {
    Unexpected refusal = refuse_field(attack, "type", fault.error().what);
    refusal.value().hint = fault.error().hint;
    return refusal;
  }
  attack = TRY(resolve_arguments(attack, (*fault)->info()));
  TRY_VOID((*fault)->check_arguments(attack));
  return *fault;
}

}  // namespace ordeal::fault
