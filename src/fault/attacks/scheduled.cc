#include "fault/attacks/scheduled.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/model/experiment/schedule.h"

namespace ordeal::fault {
namespace {

// It is not in force for a time, so that it has no pauses and no steps.
Result<> refuse_one_way(const Part& part, const Fault& fault, const std::vector<Attack>& steps) {
  auto one_way = [&](const Attack& step) { return fault.kind(step) == StepKind::kOneWay; };
  if (std::none_of(steps.begin(), steps.end(), one_way)) return {};
  std::string why = fmt::format("what {} does cannot be undone, so it has no ", fault.info().type);
  if (part.ramp) return json::Reader(part.ramp->value, part.ramp->origin).refuse(why + "steps");
  if (part.pulse) return refuse_field(part.attack, "type", why + "pulses");
  return {};
}

// Nothing of it is in force at any time.
Result<> refuse_look(const Part& part, const AttackInfo& info) {
  if (!info.only_looks) return {};
  return refuse_field(part.attack, "type",
                      fmt::format("{} only looks: it stands alone, without pulse, ramp or another attack", info.type));
}

// The file's own arguments are looked at again with each value of a ramp.
Result<const Fault*> resolve_part(Part& part, size_t index, std::vector<Stint>& schedule) {
  auto known = find_fault(part.attack.type);
  if (!known) return resolve(part.attack);  // which says so, with the field
  TRY_VOID(refuse_look(part, (*known)->info()));
  std::vector<Attack> steps = TRY(steps_of(part, (*known)->info()));
  for (Attack& step : steps) TRY_VOID(resolve(step));
  TRY_VOID(refuse_one_way(part, **known, steps));
  for (Stint& stint : stints_of(part, index, steps)) {
    TRY_VOID((*known)->check_arguments(stint.attack));  // with its own length
    schedule.push_back(std::move(stint));
  }
  Nanos length = part.attack.length;
  part.attack = std::move(steps.front());
  part.attack.length = length;
  return *known;
}

}  // namespace

Result<std::vector<const Fault*>> resolve_all(Experiment& experiment) {
  if (experiment.parts.empty()) return std::vector<const Fault*>{TRY(resolve(experiment.attack))};
  std::vector<const Fault*> faults;
  experiment.schedule.clear();
  for (size_t i = 0; i < experiment.parts.size(); ++i)
    faults.push_back(TRY(resolve_part(experiment.parts[i], i, experiment.schedule)));
  if (experiment.schedule.size() > kMostStints)
    return fail(Errc::kInvalidInput, fmt::format("attacks: these are {} pulses and steps, and at most {} may be",
                                                 experiment.schedule.size(), kMostStints));
  sort_by_start(experiment.schedule);
  if (!experiment.is_combined()) experiment.attack = experiment.parts.front().attack;
  experiment.attack.lead_in = Nanos(0);
  experiment.attack.length = window_of(experiment.schedule);
  return faults;
}

}  // namespace ordeal::fault
