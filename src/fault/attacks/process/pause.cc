// pause: the victim stands still. A cgroup is frozen as a whole; where that cannot be, its processes get SIGSTOP.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/process/kill.h"
#include "fault/attacks/process/standstill_impact.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

AttackInfo describe_pause() {
  AttackInfo info;
  info.type = "pause";
  info.summary = "Freezes the victim's processes; afterwards they continue where they left off.";
  info.example =
      "name: the cache hangs and the site stays up\n"
      "target: {type: container, name: redis}\n"
      "attack:\n"
      "  type: pause\n"
      "  length: 30s\n";
  info.step = StepKind::kJournalled;
  info.mechanisms = {"the cgroup freezer (v1 or v2)", "SIGSTOP through pidfds"};
  info.capabilities = {"write access to the victim's cgroup", "CAP_KILL, for SIGSTOP to processes of other users"};
  info.proof =
      "the frozen or stopped state of every process, checked every 100 ms, including those that join later (95 % of "
      "their time is required), and no CPU time used by them";
  info.noticed =
      "every answer of the victim waits until the end, and its connections stay open; nothing where nobody waits for "
      "it";
  info.judged =
      "everything in the victim's cgroup, in nested cgroups, or in its list of processes. A protected process is "
      "refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, undoes it within 1 s; if that one is frozen too, the victim stays paused "
      "until it is thawed";
  info.limits = {"a victim that is already frozen or stopped, itself or by a parent cgroup, is refused, and stays so",
                 "a process asleep in the kernel stops when it wakes; at the end it gets its SIGCONT either way"};
  return info;
}

const AttackInfo& pause_info() {
  static const AttackInfo info = describe_pause();
  return info;
}

struct PauseWay {
  std::optional<sys::Cgroup> freezer;  // nothing: SIGSTOP
  LiveVictim live;
  std::vector<sys::Still> still;  // of the victim, and stopped by somebody else: they stay so
};

// The freezer may be used when it holds every process of the victim. (What is below that path in any hierarchy is the
// victim, so nobody else is in it.)
std::optional<sys::Cgroup> freezer_for(const Victim& victim, const LiveVictim& live) {
  if (victim.cgroup.empty()) return std::nullopt;
  auto freezer = sys::freezer_of(live.tree, victim.cgroup);
  if (!freezer) return std::nullopt;
  std::vector<pid_t> inside = freezer->processes().value_or(std::vector<pid_t>{});
  for (const sys::Process& process : live.processes) {
    if (std::binary_search(inside.begin(), inside.end(), process.pid)) continue;
    auto stat = sys::read_stat(process.pid);
    if (stat && stat->start_ticks == process.start_ticks && stat->alive()) return std::nullopt;
  }
  return *freezer;
}

Unexpected refuse_still(const std::string& why) {
  return fail(
      Errc::kRefused, why + " already, by somebody else",
      "a victim that is already stopped is never paused: resume it first (`ordeal list` shows whether a run holds it)");
}

// A freezer leaves a stopped process stopped; SIGCONT would not.
Result<> refuse_still_ones(const PauseWay& method) {
  if (method.freezer && TRY(sys::freezer_state(*method.freezer)) != sys::FreezerState::kThawed)
    return refuse_still(fmt::format("the cgroup {} is frozen", method.freezer->path()));
  for (const sys::Still& still : method.still)
    if (still.frozen || !method.freezer) return refuse_still(still.why);
  if (method.still.size() == method.live.processes.size()) return refuse_still(method.still.front().why);
  return {};
}

Result<PauseWay> method_for(const Victim& victim) {
  if (victim.kind == VictimKind::kHost) return fail(Errc::kRefused, "a whole host cannot be paused: Ordeal runs on it");
  LiveVictim live = TRY(look_at(victim));
  PauseWay method{std::nullopt, std::move(live), {}};
  TRY_VOID(refuse_protected(method.live));
  method.freezer = freezer_for(victim, method.live);
  method.still = sys::standing_still(method.live.tree, method.live.processes);
  TRY_VOID(refuse_still_ones(method));
  return method;
}

// Without a cgroup it is those processes alone.
StandstillImpact::Members everybody_in(const Victim& victim) {
  if (victim.cgroup.empty()) return nullptr;
  return [victim]() -> Result<std::vector<sys::Process>> { return TRY(look_at(victim)).processes; };
}

class PauseFault : public Fault {
 public:
  const AttackInfo& info() const override { return pause_info(); }

  Usability usability(const host::Features& features) const override {
    if (!features.reaper_cgroup)
      return {false, "Ordeal must undo it, and the reaper cannot have its own cgroup", "", "run Ordeal as root"};
    if (!features.freezer.empty())
      return {true, fmt::format("{}; here {}", info().mechanisms[0], features.freezer), "", ""};
    Usability use = usability_of_signals(features, info().mechanisms[1]);
    if (use.usable && use.limits.empty()) use.limits = "no cgroup freezer here";
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    PauseWay method = TRY(method_for(victim));
    Step step;
    step.kind = StepKind::kJournalled;
    step.victim = victim.name;
    step.action = fmt::format("{} {} for {}: {}",
                              method.freezer ? "freeze the cgroup " + victim.cgroup + " with its" : "SIGSTOP to",
                              counted(method.live.processes.size(), "process", "processes"),
                              format_duration(attack.length), name_some(method.live.processes));
    step.undo = method.freezer ? "thaw it, unless somebody else already has"
                               : "SIGCONT to each of them, whether stopped yet or not";
    step.proof = info().proof;
    step.claims = claims_on(victim, method.live, "running");
    for (const sys::Still& still : method.still) step.notes.push_back(still.why + " by somebody else, and stays so");
    if (!method.freezer && !victim.cgroup.empty())
      step.notes.push_back("no cgroup freezer covers just this victim, so its processes are stopped one by one");
    if (method.freezer && method.freezer->version() == 1)
      step.notes.push_back("cgroup v1: a process killed while it is frozen dies when it is thawed");
    return std::vector<Step>{std::move(step)};
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack&, const Context& context) const override {
    if (!context.undo) return fail(Errc::kRefused, "pause needs a reaper that holds its undo, and there is none");
    PauseWay method = TRY(method_for(victim));
    auto impact = std::make_unique<StandstillImpact>(victim, *context.undo, everybody_in(victim));
    auto done =
        method.freezer ? impact->freeze(*method.freezer, std::move(method.still)) : impact->stop(method.live.processes);
    if (!done) {
      auto reverted = impact->revert();
      if (!reverted) return fail(Errc::kRevertFailed, reverted.error().message());
      return tl::unexpected(std::move(done).error());
    }
    impact->begin(context.now);
    return impact;
  }
};

}  // namespace

const Fault& pause_fault() {
  static const PauseFault fault;
  return fault;
}

}  // namespace ordeal::fault
