// PartPlan: one attack of an experiment, resolved on this host: whom it would hit, when, and by which steps. An
// experiment with one steady attack has one. Making them touches nothing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/attacks/fault.h"
#include "fault/guard/link/messages.h"
#include "fault/target/select.h"
#include "platform/host/registry.h"

namespace ordeal::session {

struct VictimPlan {
  std::vector<Step> steps;
  std::optional<Error> refusal;  // why this machine or the safety rules do not allow it
};

struct PartPlan {
  std::string name;  // "" where there is but one attack
  const fault::Fault* fault = nullptr;
  std::vector<Stint> stints;  // when, in their order; the attack of each with its arguments resolved
  target::Selection selection{};
  std::vector<VictimPlan> plans{};  // one per chosen victim, of the first stint; refused where one of them is

  std::string at_most{};  // what the fault could be noticed by, with a ramp's greatest value
  // Of what cannot be undone: the attack that starts earlier and holds what it hits, so that it is checked at its own
  // time alone, and not before the first step of another one that cannot be undone. "" is none.
  std::string behind{};

  bool one_way() const { return fault->kind(stints.front().attack) == StepKind::kOneWay; }
};

// Finds each attack, checks and completes its arguments, and says when it is in force: `experiment.schedule`, and its
// attack's length. No victim is looked for.
Result<std::vector<PartPlan>> resolve_parts(Experiment& experiment);
// The victims and the steps on each. The same target chooses the same victims.
Result<> plan_part(PartPlan& part, const Target& target, const target::Inventory& inventory,
                   const std::vector<Policy>& policies, uint64_t seed, const fault::Protection& protection);

std::vector<std::string> claims_of(const VictimPlan& plan);
// Two impacts that are in force at one time, or one and what another run hits, must not be the same thing, nor one a
// part of the other.
void refuse_conflicts(std::vector<PartPlan>& parts, const std::vector<host::ActiveRun>& active);
// Which parts cannot be checked ahead.
void find_behind(std::vector<PartPlan>& parts);
// Each thing once: what is asked of it when most is.
std::vector<fault::Demand> demands_of(std::span<const PartPlan> parts);

// The victims of all parts, each once, and how many candidates there were for them.
std::vector<Victim> victims_of(const std::vector<PartPlan>& parts);
int64_t candidates_of(const std::vector<PartPlan>& parts);
// Of each impact, in the order of the schedule: the guard holds each attack to its own share.
std::vector<guard::messages::Share> shares_of(const std::vector<Stint>& schedule, const std::vector<PartPlan>& parts);

}  // namespace ordeal::session
