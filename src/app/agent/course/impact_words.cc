#include "app/agent/course/impact_words.h"

#include <fmt/format.h>

#include "core/base/text/text.h"

namespace ordeal::agent {
namespace {

using cluster::ImpactStatus;
using cluster::InjectionStatus;
using cluster::Truth;

bool was_in_force(const ImpactStatus& impact) {
  return impact.state == "injected" || impact.state == "reverted" || impact.state == "gone";
}

const ImpactStatus* first(const InjectionStatus& status, bool (*is)(const ImpactStatus&)) {
  for (const ImpactStatus& impact : status.impacts)
    if (is(impact)) return &impact;
  return nullptr;
}

size_t count(const InjectionStatus& status, bool (*is)(const ImpactStatus&)) {
  size_t found = 0;
  for (const ImpactStatus& impact : status.impacts) found += is(impact);
  return found;
}

std::string reason_of(const std::string& code) {
  if (code == "refused") return "Refused";
  if (code == "unsupported") return "Unsupported";
  return "NotInjected";
}

cluster::Condition injected(const InjectionStatus& status) {
  const ImpactStatus* failed = first(status, [](const ImpactStatus& impact) { return impact.state == "failed"; });
  size_t hit = count(status, was_in_force);
  std::string told = fmt::format("{} of {} impacts", hit, status.impacts.size());
  if (failed)
    return {"Injected", Truth::kFalse, reason_of(failed->code), fmt::format("{}; {}", told, failed->error), ""};
  if (status.state == "checked") return {"Injected", Truth::kFalse, "Checked", "all impacts could be injected", ""};
  return {"Injected", Truth::kTrue, "Injected", told, ""};
}

cluster::Condition reverted(const InjectionStatus& status) {
  if (status.state != "reverted") return {"Reverted", Truth::kFalse, "InForce", "", ""};
  const ImpactStatus* left = first(status, [](const ImpactStatus& impact) { return !impact.clean; });
  if (left)
    return {"Reverted", Truth::kFalse, "RevertFailed",
            left->error + "; the node's halt latch is engaged: `ordeal revert` and `ordeal resume` there", ""};
  return {"Reverted", Truth::kTrue, "Reverted", status.why, ""};
}

InjectionStatus over(const cluster::Injection& injection, const std::string& agent) {
  InjectionStatus status = injection.status;
  status.state = "reverted";
  status.agent = agent;
  if (status.impacts.empty())
    for (const cluster::PlannedImpact& planned : injection.spec.impacts) status.impacts.push_back({planned.id});
  return status;
}

}  // namespace

const char* code_text(Errc code) {
  switch (code) {
    case Errc::kInvalidInput:
    case Errc::kRefused:
      return "refused";
    case Errc::kNotInjected:
    case Errc::kNotFound:
    case Errc::kTimeout:
      return "not_injected";
    case Errc::kUnsupported:
      return "unsupported";
    case Errc::kRevertFailed:
      return "revert_failed";
    case Errc::kSystem:
      return "system";
    case Errc::kInternal:
      break;
  }
  return "internal";
}

void set_conditions(InjectionStatus& status, Nanos wall) {
  set_condition(status.conditions, injected(status), wall);
  set_condition(status.conditions, reverted(status), wall);
}

InjectionStatus status_after_restart(const cluster::Injection& injection, const std::string& agent,
                                     const std::vector<std::string>& undone, const std::vector<std::string>& failed,
                                     Nanos wall) {
  InjectionStatus status = over(injection, agent);
  status.halted_by = "error";
  status.why = "the agent was restarted";
  if (!undone.empty()) status.why += ", and undid what was left: " + join(undone, "; ");
  for (ImpactStatus& impact : status.impacts) {
    // One that was told as injected has ended with the guard that it lived on; of the others nobody knows.
    bool known = was_in_force(impact);
    if (impact.state != "reverted" && impact.state != "gone") impact.state = known ? "reverted" : "failed";
    impact.why = status.why;
    impact.broken = known;
    impact.clean = failed.empty();
    if (!failed.empty()) impact.error = join(failed, "; ");
    if (!known && failed.empty()) impact.error = status.why;
    impact.code = !failed.empty() ? code_text(Errc::kRevertFailed) : known ? "" : code_text(Errc::kNotInjected);
  }
  set_conditions(status, wall);
  return status;
}

InjectionStatus status_of_refused(const cluster::Injection& injection, const std::string& agent, const Error& error,
                                  Nanos wall) {
  InjectionStatus status = over(injection, agent);
  for (ImpactStatus& impact : status.impacts) {
    impact.state = "failed";
    impact.error = error.message();
    impact.hint = error.advice();
    impact.code = code_text(error.code);
  }
  set_conditions(status, wall);
  return status;
}

}  // namespace ordeal::agent
