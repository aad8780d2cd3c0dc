#include "run/session/parts/part_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/model/claim.h"
#include "core/model/experiment/schedule.h"
#include "core/model/experiment/target.h"
#include "fault/attacks/scheduled.h"
#include "fault/guard/newcomers.h"

namespace ordeal::session {
namespace {

// The steps, when nobody is in their reach who may not be hit.
Result<std::vector<Step>> plan_one(const fault::Fault& fault, const Attack& attack, const Victim& victim,
                                   const fault::Protection& protection) {
  std::vector<Step> steps = TRY(fault.plan(victim, attack, protection));
  fault::Reach reach = TRY(fault.reach(victim, attack));
  TRY_VOID(fault::refuse_protected_in(reach, protection));
  if (std::string watch = guard::in_words(reach, protection); !watch.empty() && !steps.empty())
    steps.front().notes.push_back(std::move(watch));
  return steps;
}

// Of the first stint, and whether all others can be done as well: they differ in a ramp's argument alone.
VictimPlan plan_all(const PartPlan& part, const Victim& victim, const fault::Protection& protection) {
  VictimPlan plan;
  const Attack* planned = nullptr;
  for (const Stint& stint : part.stints) {
    if (planned && planned->args == stint.attack.args) continue;
    auto steps = plan_one(*part.fault, stint.attack, victim, protection);
    if (!steps) {
      plan.refusal = steps.error();
      return plan;
    }
    if (!planned) plan.steps = std::move(*steps);
    planned = &stint.attack;
  }
  return plan;
}

// What the fault's host names mean now, on the first step of each victim.
void add_names(PartPlan& part) {
  auto names = part.fault->names_now(part.stints.front().attack);
  for (VictimPlan& plan : part.plans) {
    if (!names && !plan.refusal) plan.refusal = names.error();
    if (names && !plan.steps.empty())
      for (const std::string& sentence : *names) plan.steps.front().notes.push_back(sentence);
  }
}

// Whom an argument `peer` means: selected and judged as victims are, and none of them.
Result<> select_peers(PartPlan& part, const target::Inventory& inventory, const std::vector<Policy>& policies,
                      uint64_t seed) {
  const json::Value* peer = part.stints.front().attack.args.if_contains("peer");
  if (!peer) return {};
  std::string field = (part.name.empty() ? "" : part.name + ": ") + "attack.args.peer";
  json::Document document{*peer, {}};
  Target target = TRY(decode_target(json::Reader(document)));
  auto selected = target::select(target, inventory, policies, seed);
  if (!selected) return wrap(std::move(selected).error(), field);
  for (const Victim& one : selected->chosen)
    for (const Victim& victim : part.selection.chosen)
      if (same_victim(one, victim)) return fail(Errc::kRefused, field + ": " + one.name + " is a victim itself");
  for (Stint& stint : part.stints) stint.attack.peers = selected->chosen;
  return {};
}

bool ever_together(const PartPlan& a, const PartPlan& b) {
  return std::any_of(a.stints.begin(), a.stints.end(), [&](const Stint& one) {
    return std::any_of(b.stints.begin(), b.stints.end(), [&](const Stint& other) { return overlap(one, other); });
  });
}

std::string described(const PartPlan& part, size_t victim) {
  const std::string& name = part.selection.chosen[victim].name;
  return part.name.empty() ? name : fmt::format("{} on {}", part.name, name);
}

struct Holder {
  size_t part, victim;
  std::vector<std::string> claims;
};

std::optional<Error> conflict(const std::vector<PartPlan>& parts, const Holder& holder, const Holder& wanting) {
  auto meeting = first_meeting(holder.claims, wanting.claims, Between::kImpactsOfOneRun);
  if (!meeting) return std::nullopt;
  bool of_one = holder.part == wanting.part;
  std::string who = of_one ? parts[holder.part].selection.chosen[holder.victim].name + ", another victim,"
                           : described(parts[holder.part], holder.victim) + ", another attack at the same time,";
  return Error{Errc::kRefused, fmt::format("{} already holds {}", who, describe_meeting(*meeting)), 0,
               of_one ? "two victims share the same resource: choose one of them"
                      : "let one start when the other is over (`at`), or hit another victim",
               nullptr};
}

void add(std::vector<fault::Demand>& demands, const fault::Demand& more) {
  auto same = std::find_if(demands.begin(), demands.end(), [&](auto& demand) { return demand.of == more.of; });
  if (same == demands.end()) return demands.push_back(more);
  same->asked += more.asked;
}

void keep_most(std::vector<fault::Demand>& demands, const std::vector<fault::Demand>& others) {
  for (const fault::Demand& other : others) {
    auto same = std::find_if(demands.begin(), demands.end(), [&](auto& demand) { return demand.of == other.of; });
    if (same == demands.end())
      demands.push_back(other);
    else if (same->asked < other.asked)
      *same = other;
  }
}

// Of the victims that can be hit.
std::vector<fault::Demand> demands_of(const PartPlan& part, const Attack& attack) {
  std::vector<fault::Demand> demands;
  for (size_t i = 0; i < part.plans.size(); ++i) {
    if (part.plans[i].refusal) continue;
    auto demand = part.fault->demand(part.selection.chosen[i], attack);
    if (demand && *demand) add(demands, **demand);
  }
  return demands;
}

double size_of(const Attack& attack, const ArgumentInfo& argument) {
  bool duration = argument.kind == ArgumentKind::kDuration;
  return duration ? to_seconds(duration_argument(attack, argument.name)) : number_argument(attack, argument.name);
}

const Attack& greatest_of(const PartPlan& part, const std::optional<Ramp>& ramp) {
  const Attack &first = part.stints.front().attack, &last = part.stints.back().attack;
  for (const ArgumentInfo& argument : part.fault->info().arguments)
    if (ramp && argument.name == ramp->argument && size_of(last, argument) > size_of(first, argument)) return last;
  return first;
}

struct Asked {
  Nanos at, end;
  std::vector<fault::Demand> demands;
};

std::vector<Asked> asked_of(const PartPlan& part) {
  std::vector<Asked> all;
  for (size_t i = 0; i < part.stints.size(); ++i) {
    const Stint& stint = part.stints[i];
    bool again = i > 0 && stint.attack.args == part.stints[i - 1].attack.args;
    all.push_back({stint.at, stint.end(), again ? all.back().demands : demands_of(part, stint.attack)});
  }
  return all;
}

}  // namespace

Result<std::vector<PartPlan>> resolve_parts(Experiment& experiment) {
  std::vector<const fault::Fault*> faults = TRY(fault::resolve_all(experiment));
  std::vector<PartPlan> plans(faults.size());
  for (size_t i = 0; i < plans.size(); ++i) plans[i].fault = faults[i];
  for (size_t i = 0; i < experiment.parts.size(); ++i) plans[i].name = experiment.parts[i].name;
  for (const Stint& stint : experiment.schedule) plans[stint.part].stints.push_back(stint);
  if (experiment.parts.empty()) plans.front().stints.push_back({0, Nanos(0), experiment.attack});
  for (size_t i = 0; i < plans.size(); ++i) {
    auto ramp = experiment.parts.empty() ? std::nullopt : experiment.parts[i].ramp;
    plans[i].at_most = noticed_at_most(greatest_of(plans[i], ramp), plans[i].fault->info());
  }
  return plans;
}

Result<> plan_part(PartPlan& part, const Target& target, const target::Inventory& inventory,
                   const std::vector<Policy>& policies, uint64_t seed, const fault::Protection& protection) {
  auto selection = target::select(target, inventory, policies, seed);
  if (!selection) return part.name.empty() ? tl::unexpected(selection.error()) : wrap(selection.error(), part.name);
  part.selection = std::move(*selection);
  TRY_VOID(select_peers(part, inventory, policies, seed));
  for (const Victim& victim : part.selection.chosen) part.plans.push_back(plan_all(part, victim, protection));
  add_names(part);
  return {};
}

std::vector<std::string> claims_of(const VictimPlan& plan) {
  std::vector<std::string> claims;
  for (const Step& step : plan.steps) claims.insert(claims.end(), step.claims.begin(), step.claims.end());
  return claims;
}

void refuse_conflicts(std::vector<PartPlan>& parts, const std::vector<host::ActiveRun>& active) {
  std::vector<Holder> held;
  for (size_t p = 0; p < parts.size(); ++p) {
    std::vector<bool> meets(p + 1, true);
    for (size_t other = 0; other < p; ++other) meets[other] = ever_together(parts[other], parts[p]);
    for (size_t v = 0; v < parts[p].plans.size(); ++v) {
      VictimPlan& plan = parts[p].plans[v];
      Holder wanting{p, v, claims_of(plan)};
      if (auto free = host::check_conflicts(active, wanting.claims); !free && !plan.refusal)
        plan.refusal = free.error();
      for (const Holder& holder : held) {
        if (plan.refusal) break;
        if (meets[holder.part]) plan.refusal = conflict(parts, holder, wanting);
      }
      held.push_back(std::move(wanting));
    }
  }
}

void find_behind(std::vector<PartPlan>& parts) {
  auto claims_of_all = [](const PartPlan& part) {
    std::vector<std::string> claims;
    for (const VictimPlan& plan : part.plans)
      for (std::string& claim : claims_of(plan)) claims.push_back(std::move(claim));
    return claims;
  };
  auto start = [](const PartPlan& part) { return part.stints.front().at; };
  for (PartPlan& part : parts) {
    bool later = part.one_way() && std::any_of(parts.begin(), parts.end(), [&](const PartPlan& other) {
                   return other.one_way() && start(other) < start(part);
                 });
    for (const PartPlan& other : parts)
      if (later && !other.one_way() && start(other) < start(part) &&
          first_meeting(claims_of_all(other), claims_of_all(part), Between::kImpactsOfOneRun))
        part.behind = other.name;
  }
}

std::vector<fault::Demand> demands_of(std::span<const PartPlan> parts) {
  std::vector<Asked> asked;
  for (const PartPlan& part : parts)
    for (Asked& one : asked_of(part)) asked.push_back(std::move(one));
  std::vector<fault::Demand> most;
  for (const Asked& start : asked) {
    std::vector<fault::Demand> together;
    for (const Asked& other : asked)
      if (other.at <= start.at && start.at < other.end)
        for (const fault::Demand& demand : other.demands) add(together, demand);
    keep_most(most, together);
  }
  return most;
}

std::vector<Victim> victims_of(const std::vector<PartPlan>& parts) {
  if (parts.size() == 1) return parts.front().selection.chosen;
  std::vector<Victim> victims;
  for (const PartPlan& part : parts)
    for (const Victim& victim : part.selection.chosen)
      if (std::none_of(victims.begin(), victims.end(), [&](const Victim& other) { return same_victim(other, victim); }))
        victims.push_back(victim);
  return victims;
}

int64_t candidates_of(const std::vector<PartPlan>& parts) {
  if (parts.size() == 1) return parts.front().selection.candidates;
  std::set<std::string> names;
  for (const PartPlan& part : parts) names.insert(part.selection.names.begin(), part.selection.names.end());
  return static_cast<int64_t>(names.size());
}

std::vector<guard::messages::Share> shares_of(const std::vector<Stint>& schedule, const std::vector<PartPlan>& parts) {
  std::vector<guard::messages::Share> shares;
  for (const Stint& stint : schedule) {
    const target::Selection& selection = parts[stint.part].selection;
    shares.insert(shares.end(), selection.chosen.size(), {static_cast<int>(stint.part), selection.candidates});
  }
  return shares;
}

}  // namespace ordeal::session
