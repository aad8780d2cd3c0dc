#include "run/session/cluster/injections.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace ordeal::session {
namespace {

constexpr const char* kAgentHint = "look at the agent of that node: `kubectl logs`, and `ordeal doctor` on it";

Errc code_of(const std::string& word) {
  static const std::map<std::string, Errc> kCodes{
      {"refused", Errc::kRefused}, {"not_injected", Errc::kNotInjected},   {"unsupported", Errc::kUnsupported},
      {"system", Errc::kSystem},   {"revert_failed", Errc::kRevertFailed}, {"internal", Errc::kInternal}};
  auto found = kCodes.find(word);
  return found == kCodes.end() ? Errc::kNotInjected : found->second;
}

Error error_of(const cluster::ImpactStatus& status) {
  return {code_of(status.code), status.error.empty() ? "the agent does not say why" : status.error, 0, status.hint,
          nullptr};
}

Proof no_proof(const char* why) {
  Proof proof;
  proof.reason = why;
  return proof;
}

const cluster::ImpactStatus* find_status(const cluster::InjectionStatus& status, int id) {
  auto found =
      std::find_if(status.impacts.begin(), status.impacts.end(), [&](const auto& one) { return one.id == id; });
  return found == status.impacts.end() ? nullptr : &*found;
}

}  // namespace

kube::Request without_finalizer(const cluster::Injection& injection) {
  json::Value body = json::Object{{"metadata", json::Object{{"finalizers", nullptr}}}};
  return kube::patch(kube::kInjections, {injection.namespace_, injection.name}, kube::kMergePatch, body);
}

bool hit(const cluster::InjectionStatus& status) {
  return std::any_of(status.impacts.begin(), status.impacts.end(), [](const cluster::ImpactStatus& impact) {
    return impact.state == "injected" || impact.in_force > Nanos(0);
  });
}

bool revert_failed(const cluster::InjectionStatus& status) {
  return std::any_of(status.impacts.begin(), status.impacts.end(),
                     [](const auto& impact) { return !impact.clean || impact.code == "revert_failed"; });
}

NodeInjection& Injections::add(cluster::Injection object) {
  for (const cluster::PlannedImpact& planned : object.spec.impacts) impacts_[planned.id];
  std::string name = object.name;
  return all_.emplace(std::move(name), NodeInjection{std::move(object)}).first->second;
}

NodeInjection* Injections::find(const std::string& name) {
  auto found = all_.find(name);
  return found == all_.end() ? nullptr : &found->second;
}

Injections::Events Injections::take(const cluster::Injection& seen, BootTime now) {
  Events events;
  NodeInjection* mine = find(seen.name);
  if (!mine || mine->over || seen.spec.run != mine->object.spec.run) return events;
  if (!mine->created) mine->created = now;
  const cluster::InjectionStatus& status = seen.status;
  if (status.state.empty()) return events;
  mine->answered = true;
  revert_failed_ |= session::revert_failed(status);
  bool reverted = status.state == "reverted";
  if (!status.halted_by.empty() && halted_by_.insert(status.halted_by).second)
    events.emplace_back(engine::HaltAsked{status.halted_by, fmt::format("{}: {}", mine->object.spec.node, status.why)});
  for (const cluster::PlannedImpact& planned : mine->object.spec.impacts)
    if (const cluster::ImpactStatus* said = find_status(status, planned.id)) take(*mine, *said, now, events);
  if (!reverted) return events;
  mine->confirmed = true;
  cluster::ImpactStatus unknown;
  unknown.why = status.why.empty() ? "the agent has reverted it" : status.why;
  end_all(*mine, unknown, now, events);
  return events;
}

void Injections::take(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now, Events& events) {
  Impact& impact = impacts_[status.id];
  bool fresh = impact.told == Told::kNothing || impact.told == Told::kChecked;
  if (status.state == "checked" && impact.told == Told::kNothing) {
    impact.told = Told::kChecked;
    events.emplace_back(engine::Checked{status.id});
  } else if (status.state == "injected" && fresh) {
    impact.told = Told::kInjected;
    impact.applied = now;
    ++injected_;
    events.emplace_back(engine::Applied{status.id, status.steps, now});
  } else if (status.state == "failed" && fresh) {
    // An answer to a check or to an injection, whichever was asked: the engine takes the one that it waits for.
    if (impact.told == Told::kNothing) events.emplace_back(engine::CheckFailed{status.id, error_of(status)});
    events.emplace_back(engine::ApplyFailed{status.id, error_of(status)});
    impact.told = Told::kFailed;
  } else if (status.state == "gone") {
    take_victim_gone(of, status, now, events);
  } else if (status.state == "reverted") {
    end(of, status, now, events);
  }
}

// The agent says first that the victim went, and then, in the same state, what it found when it took the fault off.
void Injections::take_victim_gone(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now,
                                  Events& events) {
  Impact& impact = impacts_[status.id];
  if (impact.told == Told::kNothing || impact.told == Told::kChecked) {
    events.emplace_back(engine::ApplyFailed{status.id, {Errc::kNotInjected, status.why, 0, "", nullptr}});
    impact.told = Told::kFailed;
  }
  if (impact.told == Told::kInjected) {
    impact.told = Told::kGone;
    impact.gone = now;
    events.emplace_back(engine::VictimGone{status.id, status.why});
  }
  if (status.proof || !status.clean) end(of, status, now, events);
}

void Injections::end(const NodeInjection& of, const cluster::ImpactStatus& status, BootTime now, Events& events) {
  Impact& impact = impacts_[status.id];
  // What was killed after it was given up is told all the same, and what stays.
  bool matters = !status.clean || (status.proof && !status.proof->lasting.empty());
  if (impact.told == Told::kReverted || (impact.told == Told::kFailed && !matters)) return;
  bool seen = impact.told == Told::kInjected || impact.told == Told::kGone;
  if (!seen && status.in_force > Nanos(0)) ++injected_;  // both writes came as one
  // Its status may have been seen late; it was put on after it was asked for.
  BootTime until = status.in_force > Nanos(0) ? std::min(now, of.asked + status.in_force) : now;
  engine::Reverted event;
  event.impact = status.id;
  event.clean = status.clean;
  event.broken = status.broken;
  event.why = status.why;
  event.error = status.clean ? "" : status.error;
  event.reverted = impact.gone ? std::min(*impact.gone, until) : until;
  event.applied = std::min(seen ? impact.applied : now, event.reverted);
  event.took = status.took;
  event.proof = status.proof.value_or(no_proof("the agent could not say what was hit"));
  if (!status.clean && event.error.empty())
    event.error = fmt::format("the agent of {} does not say why", of.object.spec.node);
  impact.told = Told::kReverted;
  ++reverted_;
  events.emplace_back(std::move(event));
}

void Injections::end_all(NodeInjection& of, const cluster::ImpactStatus& like, BootTime now, Events& events) {
  for (const cluster::PlannedImpact& planned : of.object.spec.impacts) {
    cluster::ImpactStatus status = like;
    status.id = planned.id;
    status.broken = like.broken || impacts_[planned.id].told == Told::kInjected;
    end(of, status, now, events);
  }
  of.over = true;
}

bool Injections::take_gone(const std::string& name) {
  NodeInjection* mine = find(name);
  return mine && !mine->over && !std::exchange(mine->vanished, true);
}

Injections::Events Injections::fail(NodeInjection& injection, const Error& error) {
  Events events;
  for (const cluster::PlannedImpact& planned : injection.object.spec.impacts) {
    Impact& impact = impacts_[planned.id];
    if (impact.told != Told::kNothing && impact.told != Told::kChecked) continue;
    if (impact.told == Told::kNothing) events.emplace_back(engine::CheckFailed{planned.id, error});
    events.emplace_back(engine::ApplyFailed{planned.id, error});
    impact.told = Told::kFailed;
  }
  return events;
}

Injections::Events Injections::not_confirmed(NodeInjection& injection, BootTime now) {
  Events events;
  if (injection.over) return events;
  cluster::ImpactStatus status;
  // What nobody has seen in force was never said to be: its lease is over all the same.
  for (const cluster::PlannedImpact& planned : injection.object.spec.impacts) {
    status.id = planned.id;
    if (impacts_[planned.id].told == Told::kFailed) continue;
    status.clean = false;
    status.why = "its lease is over";
    status.error = fmt::format("the agent of {} has not confirmed it within its lease{}", injection.object.spec.node,
                               injection.vanished ? ", and its Injection is gone" : "");
    status.hint = kAgentHint;
    end(injection, status, now, events);
  }
  injection.over = true;
  return events;
}

bool Injections::waits_for(const NodeInjection& injection) const {
  const auto& impacts = injection.object.spec.impacts;
  return std::any_of(impacts.begin(), impacts.end(), [this](const cluster::PlannedImpact& planned) {
    Told told = impacts_.at(planned.id).told;
    return told == Told::kNothing || told == Told::kChecked;
  });
}

bool Injections::all_over() const {
  return std::all_of(all_.begin(), all_.end(), [](const auto& one) { return one.second.over; });
}

std::vector<std::string> Injections::silent_nodes() const {
  std::set<std::string> nodes;
  for (const auto& [name, injection] : all_)
    if (!injection.over) nodes.insert(injection.object.spec.node);
  return {nodes.begin(), nodes.end()};
}

}  // namespace ordeal::session
