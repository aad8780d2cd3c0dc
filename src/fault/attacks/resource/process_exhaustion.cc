// process_exhaustion: process ids, held by a child process (one for each of its threads) in the victim's pids cgroup.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/load/hold_impact.h"
#include "fault/attacks/load/load_place.h"
#include "fault/attacks/room/memory_room.h"
#include "fault/attacks/room/pids_room.h"

namespace ordeal::fault {
namespace {

constexpr int64_t kMemoryOfThread = 48 << 10;  // its stack and what the kernel keeps of it
constexpr int64_t kUsualMaps = 65530;
constexpr int64_t kOtherMaps = 512;  // of the program and its heaps
constexpr Nanos kPidsGrace = 10s;
constexpr Nanos kPidsDeath = 300ms;
constexpr Nanos kDeathOfThousand = 50ms;

AttackInfo describe_process_exhaustion() {
  AttackInfo info;
  info.type = "process_exhaustion";
  info.summary = "Takes process ids of the victim's limit, so that it can start no more processes or threads.";
  info.arguments = {
      {.name = "strategy",
       .kind = ArgumentKind::kWord,
       .fallback = "\"absolute\"",
       .help = "absolute: on top of what the victim has; total: with what the victim has, followed as that changes.",
       .gremlin = "-s.",
       .choices = {"absolute", "total"}},
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "null",
       .help = "How many, in percent of the least limit above the victim, of a host of all its process ids; above 0 to "
               "100; 1 where neither percent nor processes is given.",
       .gremlin = "-p, --percent; it wins over processes, as there.",
       .least = 0.01,
       .most = 100},
      {.name = "processes",
       .kind = ArgumentKind::kInteger,
       .fallback = "null",
       .help = "How many, 1 to 4194304.",
       .gremlin = "-n, --processes.",
       .least = 1,
       .most = 4194304}};
  info.example =
      "name: the API says so when it cannot start a worker\n"
      "target: {type: container, name: api}\n"
      "attack:\n"
      "  type: process_exhaustion\n"
      "  args: {percent: 100, strategy: total}\n"
      "  length: 1m\n";
  info.limits = {
      "percent of a victim without a limit of its process ids is not injected (4): say processes",
      "what there is no room for is refused (3): of every limit above the victim's own 5 % (at least 32) stay free, of "
      "the host's process ids 10 % (at least 1000); the victim's own limit may be used up",
      "one process holds them all: more than half of vm.max_map_count (less 512) are refused (3)",
      "in cgroup version 2 the victim's memory pays for it, about 48 KiB for each id; without room for it, refused (3)",
      "a victim in a frozen cgroup is refused"};
  info.step = StepKind::kOwned;
  info.of_container = true;
  info.mechanisms = {"the threads of one child process in the victim's pids cgroup"};
  info.capabilities = {"write access to the victim's cgroup.procs"};
  info.noticed = "new processes and threads of the victim fail where the ids are used up; nothing while it starts none";
  info.proof =
      "the child's threads, exactly as many as asked for 95 % of the time from the first moment on, and no more than "
      "the cgroup's own pids.current";
  info.judged =
      "everything in the loaded cgroup, or in the topmost one above it that the load leaves less than 10 % of its "
      "limit; where that is the host, in the root cgroup and with the target host the whole host, by the policies "
      "alone. A protected process is refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, ends the load within 1 s; if it is frozen too, the process ids stay taken "
      "until Ordeal is thawed";
  return info;
}

const AttackInfo& process_exhaustion_info() {
  static const AttackInfo info = describe_process_exhaustion();
  return info;
}

struct PidsLoad {
  std::string cgroup;
  std::vector<sys::Cgroup> join;
  int64_t asked = 0;
  bool total = false;
  int64_t used = 0;  // before
  std::string top;   // the topmost cgroup whose limit is used up
  std::vector<std::string> notes;

  int64_t added() const { return total ? asked - used : asked; }
};

Result<int64_t> share_of_pids(const Victim& victim, const PidsRoom& room, double percent, PidsLoad& load) {
  auto limit = room.limit();
  int64_t whole = 0;
  if (limit) {
    whole = limit->limit;
    load.top = higher(load.top, limit->path);
    load.notes.push_back(fmt::format("the least limit is that of {} ({}): {}", limit->path, limit->name, whole));
  } else if (victim.kind == VictimKind::kHost) {
    whole = TRY(sys::host_pids()).most;
  } else {
    return fail(Errc::kNotInjected,
                fmt::format("no cgroup from {} upwards limits process ids, so that there is nothing to take {:g} % of",
                            load.cgroup, percent),
                "say processes, or give the container a limit (pids.max)");
  }
  return std::max<int64_t>(static_cast<int64_t>(std::floor(static_cast<double>(whole) * percent / 100)), 1);
}

Result<int64_t> ids_asked(const Victim& victim, const Attack& attack, const PidsRoom& room, PidsLoad& load) {
  bool counted = attack.args.contains("processes");
  if (counted && !attack.args.contains("percent")) return static_cast<int64_t>(number_argument(attack, "processes"));
  double percent = attack.args.contains("percent") ? number_argument(attack, "percent") : 1;
  if (counted) load.notes.push_back("percent takes precedence over processes");
  return share_of_pids(victim, room, percent, load);
}

// In cgroup version 2 the victim pays for them.
MemoryRoom memory_of_ids(const PidsLoad& load, const LiveVictim& live) {
  bool victim_pays = !load.join.empty() && load.join.front().version() == 2;
  return {live.tree, victim_pays ? load.cgroup : "/"};
}

// Each thread has a stack and a guard page below it, and is a mapping for each.
Result<> refuse_more_than_a_process_has(const PidsLoad& load) {
  auto text = read_file("/proc/sys/vm/max_map_count");
  int64_t most = (text ? parse_number<int64_t>(trim(*text)).value_or(kUsualMaps) : kUsualMaps) / 2 - kOtherMaps;
  if (load.added() <= most) return {};
  return fail(
      Errc::kRefused,
      fmt::format("there is no room for {} process ids in one process: it can have {} threads", load.added(), most),
      "ask for less, or raise vm.max_map_count");
}

Result<> refuse_without_ids(const PidsLoad& load, const PidsRoom& room, const LiveVictim& live) {
  if (load.added() <= 0)
    return fail(Errc::kNotInjected, fmt::format("{} has {} processes and threads already, of the {} that it is to have",
                                                load.cgroup, load.used, load.asked));
  TRY_VOID(refuse_more_than_a_process_has(load));
  PidsRoom::Narrowest least = TRY(room.narrowest());
  if (load.added() > least.left)
    return fail(Errc::kRefused,
                fmt::format("there is no room for {} process ids: {} leaves {}, without what is kept back for others",
                            load.added(), least.where, std::max<int64_t>(least.left, 0)),
                "ask for less, or for all: {percent: 100, strategy: total}");
  int64_t left = TRY(memory_of_ids(load, live).left());
  if (load.added() * kMemoryOfThread <= left) return {};
  return fail(Errc::kRefused,
              fmt::format("there is no memory for {} process ids: they need about {} MiB", load.added(),
                          load.added() * kMemoryOfThread >> 20),
              "ask for less");
}

Result<PidsLoad> pids_load_for(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  if (victim.kind != VictimKind::kHost) TRY_VOID(refuse_frozen(live));
  if (!live.tree.with("pids"))
    return fail(Errc::kUnsupported, "no cgroup hierarchy of this host has the pids controller");
  PidsLoad load;
  load.cgroup = loaded_cgroup(victim, live, "pids");
  load.top = load.cgroup;
  load.join = cgroups_to_join(live, load.cgroup, {"pids"});
  load.total = text_argument(attack, "strategy") == "total";
  PidsRoom room(live.tree, load.cgroup);
  load.used = TRY(room.used());
  load.asked = TRY(ids_asked(victim, attack, room, load));
  TRY_VOID(refuse_without_ids(load, room, live));
  load.top = higher(load.top, TRY(room.topmost(load.added())));
  load.top = higher(load.top, TRY(memory_of_ids(load, live).topmost(load.added() * kMemoryOfThread)));
  note_top(load.top, load.cgroup, load.notes);
  return load;
}

std::function<Result<HoldLook>(const LoadChild&)> looks_at_ids(const PidsLoad& load, const sys::CgroupTree& tree) {
  return [room = PidsRoom(tree, load.cgroup), total = load.total](const LoadChild& child) -> Result<HoldLook> {
    HoldLook seen;
    seen.own = TRY(sys::read_stat(child.pid())).threads;
    seen.counted = TRY(room.used());
    if (total) seen.got = seen.counted;
    PidsRoom::Narrowest least = TRY(room.narrowest());
    if (least.left <= 0) seen.shortage = fmt::format("{} left no room", least.where);
    return seen;
  };
}

Holding holding_of_ids(const PidsLoad& load, const sys::CgroupTree& tree) {
  Holding holding;
  holding.asked = load.asked;
  // In all the victim's own come and go between two looks.
  holding.tolerance = load.total ? std::max(1.0, static_cast<double>(load.asked) / 100) : 0;
  holding.unit = "process ids";
  holding.counts_itself = true;
  holding.what = (load.total ? "used by all in " : "held in ") + load.cgroup;
  holding.look = looks_at_ids(load, tree);
  holding.allowance = 1s + 1s * (load.added() / 10000);
  holding.patience = kPidsDeath + kDeathOfThousand * (load.added() / 1000);
  return holding;
}

class ProcessExhaustionFault : public Fault {
 public:
  const AttackInfo& info() const override { return process_exhaustion_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use{true, info().mechanisms[0], "", ""};
    if (features.cgroups_writable) return use;
    use.limits = "only targets in Ordeal's own cgroup: it cannot join others";
    use.advice = "run Ordeal as root";
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    PidsLoad load = TRY(pids_load_for(victim, attack, TRY(look_at(victim))));
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    step.action = fmt::format("take {} process ids with the threads of a child process in the cgroup {}", load.added(),
                              load.cgroup);
    if (load.total) step.action += fmt::format(", so that all in it have {}", load.asked);
    step.undo = "the kernel kills the child when the guard exits, and its threads with it";
    step.proof = info().proof;
    step.claims = claims_of_load(load.top, load.cgroup, "pids");
    step.notes = load.notes;
    return std::vector<Step>{std::move(step)};
  }

  Result<std::optional<Demand>> demand(const Victim& victim, const Attack& attack) const override {
    PidsLoad load = TRY(pids_load_for(victim, attack, TRY(look_at(victim))));
    sys::HostPids host = TRY(sys::host_pids());
    return Demand{"process ids", "", static_cast<double>(load.added()), static_cast<double>(host.most)};
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    return reach_of_load(victim, TRY(pids_load_for(victim, attack, TRY(look_at(victim)))).top);
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    LiveVictim live = TRY(look_at(victim));
    PidsLoad load = TRY(pids_load_for(victim, attack, live));
    LoadPlan plan;
    plan.join = load.join;
    plan.what = "process load";
    plan.argv = {"--load",     "pids",
                 "--cgroup",   load.cgroup,
                 "--total",    load.total ? "yes" : "no",
                 "--limit-ms", std::to_string(std::chrono::ceil<milliseconds>(context.length + kPidsGrace).count())};
    auto child = LoadChild::start(plan);
    if (!child) return wrap(std::move(child).error(), fmt::format("cannot take process ids of {}", victim.name));
    return std::make_unique<HoldImpact>(holding_of_ids(load, live.tree), std::move(*child));
  }
};

}  // namespace

const Fault& process_exhaustion_fault() {
  static const ProcessExhaustionFault fault;
  return fault;
}

}  // namespace ordeal::fault
