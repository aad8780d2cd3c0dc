// process_killer: SIGKILL to the matching processes of the victim, at once and at every interval again.
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
  info.summary = "Kills matching processes of the victim with SIGKILL, again at every interval.";
  info.arguments = {
      {.name = "process",
       .kind = ArgumentKind::kText,
       .fallback = "",
       .help = "Part of the program's name; with `exact` the whole name; with `full` a regular expression on the whole "
               "command line.",
       .gremlin = "-p, --process."},
      {.name = "interval",
       .kind = ArgumentKind::kDuration,
       .unit = 1s,
       .fallback = "1",
       .help = "Time between kills, 0.1 s to 24 h; a bare number is seconds.",
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
  info.mechanisms = {"SIGKILL through a pidfd"};
  info.capabilities = {"CAP_KILL, for processes of other users"};
  info.proof = "processes that actually died, as seen through their pidfds";
  info.judged =
      "each process that matches, and its children if they are included, in every round. A protected process is "
      "spared, and named by `plan` and the proof; refused (3) when nothing else matches";
  info.when_frozen = "nothing is killed; missed rounds are not made up for";
  info.limits = {"nothing is killed until every victim has been checked, nor when too few can be hit",
                 "processes in a frozen cgroup are spared: the kill would take effect only when they are thawed"};
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
  std::vector<sys::Process> kill;
  std::vector<std::string> spared;  // with the rule
};

// A kill that waits for somebody's thaw would come after the end of the attack.
std::map<pid_t, std::string> frozen_among(const sys::CgroupTree& tree, const std::vector<sys::Process>& processes) {
  std::map<pid_t, std::string> frozen;
  for (sys::Still& still : sys::standing_still(tree, processes))
    if (still.frozen) frozen[still.process.pid] = std::move(still.why);
  return frozen;
}

Round choose(const Table& table, const ProcessMatch& match, const Protection& protection) {
  Round round;
  std::vector<sys::Process> chosen = match.choose(table.processes);
  std::map<pid_t, std::string> frozen = frozen_among(table.tree, chosen);
  for (const sys::Process& process : chosen) {
    auto rule = protection.refusal(process);
    if (auto found = frozen.find(process.pid); !rule && found != frozen.end()) rule = found->second;
    if (!rule && process.namespace_pid == 1)
      rule = fmt::format("{} (pid {}) is the first process of its container, which stops with it: use shutdown",
                         process.comm, process.pid);
    if (rule)
      round.spared.push_back(*rule);
    else
      round.kill.push_back(process);
  }
  return round;
}

// kNotInjected, or kRefused when all that matches is spared.
Result<Round> first_round(const Victim& victim, const ProcessMatch& match, const Protection& protection) {
  Table table = TRY(table_of(victim, match));
  Round round = choose(table, match, protection);
  round.table = table;
  if (!round.kill.empty()) return round;
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
    for (const sys::Process& process : round.kill)
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
    Round round = choose(*table, match_, *protection);
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

class ProcessKillerFault : public Fault {
 public:
  const AttackInfo& info() const override { return killer_info(); }

  Usability usability(const host::Features& features) const override {
    return usability_of_signals(features, info().mechanisms[0]);
  }

  Result<> check_arguments(const Attack& attack) const override {
    TRY_VOID(ProcessMatch::from(attack));
    return {};
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack,
                                 const Protection& protection) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    Round round = TRY(first_round(victim, match, protection));
    Step step;
    step.kind = StepKind::kOneWay;
    step.victim = victim.name;
    step.action = fmt::format("SIGKILL to every process {}, now and every {} for {}; as of now: {}", match.text(),
                              format_duration(duration_argument(attack, "interval")), format_duration(attack.length),
                              name_some(round.kill));
    step.undo = "none: irreversible; no kill is sent once the impact ends";
    step.proof = info().proof;
    step.claims = claims_on(victim, round.table, "processes");
    for (const std::string& rule : round.spared) step.notes.push_back("spared: " + rule);
    if (match.with_children()) step.notes.push_back("everything that these processes have started is killed too");
    return std::vector<Step>{std::move(step)};
  }

  Result<> may_apply(const Victim& victim, const Attack& attack, const Protection& protection) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    return Kills::allowed(TRY(first_round(victim, match, protection)).kill);
  }

  Result<Reach> reach(const Victim&, const Attack&) const override {
    Reach reach;
    reach.chosen = true;
    return reach;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    ProcessMatch match = TRY(ProcessMatch::from(attack));
    const Protection* protection = TRY(context.protection());
    Round round = TRY(first_round(victim, match, *protection));
    TRY_VOID(Kills::allowed(round.kill));
    TRY_VOID(context.protection());  // choosing took its time: a halt or a new policy comes before the kill
    auto impact =
        std::make_unique<KillerImpact>(victim, std::move(match), duration_argument(attack, "interval"), context);
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
