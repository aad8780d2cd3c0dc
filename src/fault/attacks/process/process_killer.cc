// process_killer: SIGKILL to the matching processes of the victim, at once and at every interval again; or SIGSTOP, and
// SIGCONT at the end.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/process/kill.h"
#include "fault/attacks/process/process_match.h"
#include "fault/attacks/process/standstill_impact.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

ArgumentInfo flag(std::string name, std::string help, std::string gremlin) {
  return {.name = std::move(name),
          .kind = ArgumentKind::kBoolean,
          .fallback = "false",
          .help = std::move(help),
          .gremlin = std::move(gremlin)};
}

AttackInfo describe_killer() {
  AttackInfo info;
  info.type = "process_killer";
  info.summary = "Kills matching processes of the victim, or stops them for its length; new ones at every interval.";
  info.arguments = {
      {.name = "process",
       .kind = ArgumentKind::kText,
       .fallback = "",
       .help = "Part of the program's name; with `exact` the whole name; with `full` a regular expression on the whole "
               "command line.",
       .gremlin = "-p, --process."},
      {.name = "signal",
       .kind = ArgumentKind::kWord,
       .fallback = "\"kill\"",
       .help = "kill: SIGKILL, irreversible; stop: SIGSTOP, and SIGCONT at the end",
       .gremlin = "",
       .choices = {"kill", "stop"}},
      {.name = "interval",
       .kind = ArgumentKind::kDuration,
       .unit = 1s,
       .fallback = "1",
       .help = "Time between rounds, 0.1 s to 24 h; a bare number is seconds.",
       .gremlin = "-i, --interval, in seconds.",
       .least = 0.1,
       .most = 86400},
      flag("exact", "The whole name must match, not just a part of it.", "-e, --exact."),
      flag("full", "`process` is an RE2 expression on the whole command line.",
           "-f, --full. Gremlin takes a POSIX expression; RE2 is nearly the same and runs in linear time."),
      {.name = "user",
       .kind = ArgumentKind::kText,
       .fallback = "null",
       .help = "Only processes of this user, by name or number.",
       .gremlin = "-u, --user."},
      {.name = "group",
       .kind = ArgumentKind::kText,
       .fallback = "null",
       .help = "Only processes of this Unix group, by name or number.",
       .gremlin = "-g, --group."},
      flag("newest", "Only the newest of the matching processes.", "-n, --newest."),
      flag("oldest", "Only the oldest of the matching processes.", "-o, --oldest."),
      flag("children", "Also everything that the matching processes have started.", "-c, --kill-children."),
  };
  info.step = StepKind::kOneWay;
  info.mechanisms = {"SIGKILL through a pidfd", "SIGSTOP through a pidfd, its SIGCONT in the reaper's journal"};
  info.capabilities = {"CAP_KILL, for processes of other users"};
  info.proof =
      "processes that actually died, as seen through their pidfds; with `stop` as the attack pause: seen "
      "stopped every 100 ms, for 95 % of their time, and using no CPU time. Those that join run until the next round, "
      "which counts; what ended and was replaced is stopped again";
  info.noticed =
      "what the processes were doing is lost, their connections are reset, and nobody does it until they are started "
      "again; "
      "with `stop` it waits until the end";
  info.judged =
      "each process that matches, and its children if they are included, in every round. A protected process is "
      "spared, and named by `plan` and the proof; refused (3) when nothing else matches. What is stopped is judged "
      "again "
      "every 0.5 s: all goes on when one of them may not be hit any more";
  info.when_frozen =
      "nothing is killed; missed rounds are not made up for. What is stopped is continued by the reaper within 1 s; if "
      "that one is frozen too, it stays stopped until it is thawed";
  info.limits = {
      "nothing is killed until every victim has been checked, nor when too few can be hit",
      "processes in a frozen cgroup are spared: the kill would take effect only when they are thawed",
      "`stop` is journalled and undone, and spares what somebody else has stopped already, which stays so; a "
      "process asleep in the kernel stops when it wakes, and gets its SIGCONT at the end either way",
      "`stop` takes 1024 processes at a time at most; the journal has room for some 500 rounds that find new ones, and "
      "then the attack is ended"};
  info.example =
      "name: a dead worker is replaced\n"
      "target: {type: container, name: web}\n"
      "attack:\n"
      "  type: process_killer\n"
      "  args: {process: gunicorn, newest: true, interval: 10s}\n"
      "  length: 1m\n";
  return info;
}

const AttackInfo& killer_info() {
  static const AttackInfo info = describe_killer();
  return info;
}

using Table = LiveVictim;

// The victim's processes, and where children count, those of a chosen process too.
Result<Table> table_of(const Victim& victim, const ProcessMatch& match) {
  LiveVictim live = TRY(look_at(victim));
  if (!match.with_children() || !victim.cgroup.empty() || victim.kind == VictimKind::kHost) return live;
  std::vector<sys::Process> all = TRY(sys::list_processes());
  std::set<pid_t> family;
  for (const sys::Process& process : live.processes)
    for (pid_t pid : sys::with_descendants(all, process.pid)) family.insert(pid);
  all.erase(std::remove_if(all.begin(), all.end(), [&](auto& p) { return !family.count(p.pid); }), all.end());
  live.processes = std::move(all);
  return live;
}

constexpr size_t kMostSpared = 20;  // named in the proof

struct Round {
  Table table;  // what it was chosen from
  std::vector<sys::Process> hit;
  std::vector<std::string> spared;  // with the rule
};

enum class Act { kKill, kStop };

Act act_of(const Attack& attack) { return text_argument(attack, "signal") == "stop" ? Act::kStop : Act::kKill; }

// A kill that waits for somebody's thaw would come after the end of the attack. What is stopped cannot be stopped, and
// our SIGCONT would undo what somebody else did.
std::map<pid_t, std::string> still_among(const sys::CgroupTree& tree, const std::vector<sys::Process>& processes,
                                         Act act) {
  std::map<pid_t, std::string> found;
  for (sys::Still& still : sys::standing_still(tree, processes))
    if (still.frozen || act == Act::kStop) found[still.process.pid] = std::move(still.why);
  return found;
}

Round choose(const Table& table, const ProcessMatch& match, Act act, const Protection& protection) {
  Round round;
  std::vector<sys::Process> chosen = match.choose(table.processes);
  std::map<pid_t, std::string> still = still_among(table.tree, chosen, act);
  for (const sys::Process& process : chosen) {
    auto rule = protection.refusal(process);
    if (auto found = still.find(process.pid); !rule && found != still.end()) rule = found->second;
    if (!rule && act == Act::kKill && process.namespace_pid == 1)
      rule = fmt::format("{} (pid {}) is the first process of its container, which stops with it: use shutdown",
                         process.comm, process.pid);
    if (rule)
      round.spared.push_back(*rule);
    else
      round.hit.push_back(process);
  }
  return round;
}

Result<> refuse_too_many(size_t hit, Act act) {
  constexpr size_t kMost = StandstillImpact::kMostStopped;
  if (act == Act::kKill || hit <= kMost) return {};
  return fail(Errc::kRefused, fmt::format("{} processes match, and no more than {} are stopped at a time", hit, kMost),
              "name fewer of them, or pause the container");
}

// kNotInjected, or kRefused when all that matches is spared, or too much is to be stopped.
Result<Round> first_round(const Victim& victim, const ProcessMatch& match, Act act, const Protection& protection) {
  Table table = TRY(table_of(victim, match));
  Round round = choose(table, match, act, protection);
  round.table = table;
  TRY_VOID(refuse_too_many(round.hit.size(), act));
  if (!round.hit.empty()) return round;
  if (!round.spared.empty()) return fail(Errc::kRefused, join(round.spared, "; "));
  std::string near = match.nearest(table.processes);
  return fail(Errc::kNotInjected,
              fmt::format("no process {} in {}, which has {}", match.text(), victim.name,
                          counted(table.processes.size(), "process", "processes")),
              near.empty() ? "" : fmt::format("the nearest name is {}", near));
}

class KillerImpact : public Impact {
 public:
  KillerImpact(Victim victim, ProcessMatch match, Nanos interval, const Context& context)
      : victim_(std::move(victim)),
        match_(std::move(match)),
        interval_(interval),
        next_(context.now + interval),
        protection_(context.protection) {}

  // What cannot be killed keeps nobody from saying what was.
  void kill(const Round& round) {
    for (const sys::Process& process : round.hit)
      if (auto sent = kills_.send(process); !sent)
        failed_ = fmt::format("cannot kill {}: {}", process.comm, sent.error().message());
    for (const std::string& rule : round.spared)
      if (spared_.size() < kMostSpared) spared_.insert(rule);
    ++rounds_;
    kills_.confirm();
  }

  std::vector<int> descriptors() const override { return kills_.descriptors(); }
  bool is_long(BootTime now) const override { return !ended_ && now >= next_; }
  std::optional<BootTime> next_work() const override { return ended_ ? std::nullopt : std::optional(next_); }

  Result<> work(BootTime now) override {
    kills_.confirm();
    if (ended_ || now < next_) return {};
    // Rounds that were slept through (a stopped machine) are not made up for.
    while (next_ <= now) next_ += interval_;
    auto table = table_of(victim_, match_);
    // Between two lives of a container there is nothing to kill.
    if (!table) return {};
    const Protection* protection = TRY(protection_());
    Round round = choose(*table, match_, Act::kKill, *protection);
    TRY_VOID(protection_());  // choosing took its time: a halt or a new policy comes before the kill
    kill(round);
    return {};
  }

  Result<> revert() override {
    ended_ = true;
    kills_.confirm_within(kLastDeaths);
    return {};
  }

  Proof proof(BootTime) const override {
    Kills const& kills = kills_;
    Proof proof;
    proof.lasting = kills.lasting();
    proof.may_return = true;
    proof.moments = kills.moments();
    proof.proven = kills.dead() > 0 && kills.dead() == kills.sent() && failed_.empty();
    proof.asked = kills.sent();
    proof.got = kills.dead();
    proof.unit = "processes";
    proof.coverage = {kills.coverage()};
    proof.measured = fmt::format("{} of {} killed processes died, in {}", kills.dead(), kills.sent(),
                                 counted(static_cast<size_t>(rounds_), "round", "rounds"));
    if (!spared_.empty())
      proof.measured += "; spared: " + join(std::vector<std::string>(spared_.begin(), spared_.end()), "; ");
    if (!proof.proven)
      proof.reason = !failed_.empty()    ? failed_
                     : kills.sent() == 0 ? "every matching process was gone before the signal reached it"
                                         : "a killed process is still there: it may be hung in the kernel or frozen";
    return proof;
  }

  bool outlives_victim() const override { return true; }

 private:
  Victim victim_;
  ProcessMatch match_;
  Nanos interval_;
  BootTime next_;
  ProtectionNow protection_;
  Kills kills_;
  std::set<std::string> spared_;
  std::string failed_;  // the last kill that could not be sent, and why
  int rounds_ = 0;
  bool ended_ = false;
};

// What each later round finds besides. Choosing takes its time: a halt or a new policy comes before the stop.
StandstillImpact::Members to_be_stopped(const Victim& victim, const ProcessMatch& match, const Context& context) {
  return [victim, match, allowed = context.protection]() -> Result<std::vector<sys::Process>> {
    Table table = TRY(table_of(victim, match));
    Round round = choose(table, match, Act::kStop, *TRY(allowed()));
    TRY_VOID(allowed());
    return std::move(round.hit);
  };
}

std::string spared_in_words(const Round& round) {
  return round.spared.empty() ? "" : "spared: " + join(round.spared, "; ");
}

Result<std::unique_ptr<Impact>> stop_all(const Victim& victim, const ProcessMatch& match, const Round& round,
                                         Nanos interval, const Context& context) {
  if (!context.undo) return fail(Errc::kRefused, "stopping needs a reaper that holds its undo, and there is none");
  auto impact = std::make_unique<StandstillImpact>(victim, *context.undo, to_be_stopped(victim, match, context),
                                                   StandstillImpact::Newcomers{interval, context.protection});
  impact->remark(spared_in_words(round));
  if (auto done = impact->stop(round.hit); !done) {
    auto reverted = impact->revert();
    if (!reverted) return fail(Errc::kRevertFailed, reverted.error().message());
    return tl::unexpected(std::move(done).error());
  }
  impact->begin(context.now);
  return impact;
}

Step stop_step(const Attack& attack, const ProcessMatch& match, const Round& round) {
  Step step;
  step.kind = StepKind::kJournalled;
  step.action = fmt::format("SIGSTOP to every process {}, for {}, and every {} to new ones; as of now: {}",
                            match.text(), format_duration(attack.length),
                            format_duration(duration_argument(attack, "interval")), name_some(round.hit));
  step.undo = "SIGCONT to each of them, whether stopped yet or not";
  return step;
}

Step kill_step(const Attack& attack, const ProcessMatch& match, const Round& round) {
  Step step;
  step.kind = StepKind::kOneWay;
  step.action = fmt::format("SIGKILL to every process {}, now and every {} for {}; as of now: {}", match.text(),
                            format_duration(duration_argument(attack, "interval")), format_duration(attack.length),
                            name_some(round.hit));
  step.undo = "none: irreversible; no kill is sent once the impact ends";
  return step;
}

class ProcessKillerFault : public Fault {
 public:
  const AttackInfo& info() const override { return killer_info(); }

  StepKind kind(const Attack& attack) const override {
    return act_of(attack) == Act::kStop ? StepKind::kJournalled : StepKind::kOneWay;
  }

  Usability usability(const host::Features& features) const override {
    Usability use = usability_of_signals(features, info().mechanisms[0]);
    if (!use.usable || features.reaper_cgroup || !use.limits.empty()) return use;
    use.limits = "`signal: stop` is refused, since the reaper cannot have its own cgroup";
    use.advice = "run Ordeal as root";
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    TRY_VOID(ProcessMatch::from(attack));
    return {};
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack,
                                 const Protection& protection) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    Act act = act_of(attack);
    Round round = TRY(first_round(victim, match, act, protection));
    Step step = act == Act::kStop ? stop_step(attack, match, round) : kill_step(attack, match, round);
    step.victim = victim.name;
    step.proof = info().proof;
    step.claims = claims_on(victim, round.table, act == Act::kStop ? "running" : "processes");
    for (const std::string& rule : round.spared) step.notes.push_back("spared: " + rule);
    if (match.with_children()) step.notes.push_back("everything that these processes have started is hit too");
    return std::vector<Step>{std::move(step)};
  }

  Result<> may_apply(const Victim& victim, const Attack& attack, const Protection& protection) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    return Kills::allowed(TRY(first_round(victim, match, act_of(attack), protection)).hit);
  }

  Result<Reach> reach(const Victim&, const Attack&) const override {
    Reach reach;
    reach.chosen = true;
    return reach;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    Act act = act_of(attack);
    const Protection* protection = TRY(context.protection());
    Round round = TRY(first_round(victim, match, act, *protection));
    TRY_VOID(Kills::allowed(round.hit));
    TRY_VOID(context.protection());  // choosing took its time: a halt or a new policy comes before the first signal
    Nanos interval = duration_argument(attack, "interval");
    if (act == Act::kStop) return stop_all(victim, match, round, interval, context);
    auto impact = std::make_unique<KillerImpact>(victim, std::move(match), interval, context);
    impact->kill(round);
    return impact;
  }
};

}  // namespace

const Fault& process_killer_fault() {
  static const ProcessKillerFault fault;
  return fault;
}

}  // namespace ordeal::fault
