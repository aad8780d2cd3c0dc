// memory: resident memory, held by a child process in the victim's memory cgroup.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/load/hold_impact.h"
#include "fault/attacks/load/load_place.h"
#include "fault/attacks/room/memory_room.h"

namespace ordeal::fault {
namespace {

constexpr double kMegabyte = 1 << 20;
constexpr double kGigabyte = 1 << 30;
constexpr double kGremlinsAmount = 0.5 * kGigabyte;
constexpr int64_t kExactUpTo = 64 << 20;  // reading every page's entry takes some 10 ms a gigabyte
constexpr double kLeastTolerance = kMegabyte;
constexpr Nanos kLoadGrace = 10s;  // the child outlives a forgotten guard at most so long
constexpr Nanos kDeath = 200ms;
constexpr Nanos kDeathOfGigabyte = 100ms;

AttackInfo describe_memory() {
  AttackInfo info;
  info.type = "memory";
  info.summary = "Takes memory of the victim's limit, all of it resident, without anybody being killed.";
  info.arguments = {
      {.name = "mb",
       .kind = ArgumentKind::kInteger,
       .fallback = "null",
       .help = "How much to take, in MiB, 1 to 16777216.",
       .gremlin = "-m, --mb.",
       .least = 1,
       .most = 16777216},
      {.name = "gb",
       .kind = ArgumentKind::kNumber,
       .fallback = "null",
       .help = "How much to take, in GiB, 0.001 to 16384; 0.5 where none of mb, gb and percent is given.",
       .gremlin = "-g, --gb.",
       .least = 0.001,
       .most = 16384},
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "null",
       .help = "How much to take, in percent of the least limit above the victim, of a host of all its memory; above 0 "
               "to 100.",
       .gremlin = "-p, --percent. Gremlin takes as much as is available; here what there is no room for is refused.",
       .least = 0.1,
       .most = 100},
      {.name = "strategy",
       .kind = ArgumentKind::kWord,
       .fallback = "\"absolute\"",
       .help = "absolute: on top of what the victim uses; total: with what the victim uses, followed as that changes.",
       .gremlin = "-s.",
       .choices = {"absolute", "total"}},
      {.name = "ramp",
       .kind = ArgumentKind::kDuration,
       .fallback = "0",
       .help = "Takes it evenly over so long, in seconds, 0 to 1h, shorter than the length; 0 is at once.",
       .gremlin = "",
       .least = 0,
       .most = 3600}};
  info.example =
      "name: the API stays fast when memory is short\n"
      "target: {type: container, name: api}\n"
      "attack:\n"
      "  type: memory\n"
      "  args: {percent: 90, strategy: total, ramp: 10s}\n"
      "  length: 2m\n";
  info.limits = {
      "percent of a victim without a memory limit is not injected (4): say mb or gb",
      "what there is no room for, below every limit above the victim (memory.high too) and on the host, is refused "
      "(3): "
      "2 % of a limit (4 to 64 MiB) and 5 % of the host's memory (at least 256 MiB) stay free; where the kernel would "
      "kill the victim with the load (memory.oom.group), 10 % of a limit (32 to 512 MiB) and of the host's memory",
      "when others need what was taken, it is given back within 10 ms, and the attack is not injected; if they take it "
      "faster, the kernel kills the load first, not the victim",
      "it takes about a second a GiB, and as much as 0.1 s a GiB to give back",
      "page caches of the victim give way first, as they do for any process; its anonymous pages may be swapped out",
      "a victim in a frozen cgroup is refused"};
  info.step = StepKind::kOwned;
  info.of_container = true;
  info.mechanisms = {"a child process in the victim's memory cgroup, every page written and locked"};
  info.capabilities = {"write access to the victim's cgroup.procs", "CAP_IPC_LOCK, so that it is not swapped out"};
  info.noticed =
      "the victim has less memory left: it reclaims pages, slows down, and meets its limit earlier; nothing while it "
      "needs "
      "no more than is left";
  info.proof =
      "the child's resident anonymous memory by its page table, within 1 % or 1 MiB of what was asked for 95 % of the "
      "time from the first moment on, and no more than the cgroup's own account of anonymous memory";
  info.judged =
      "everything in the loaded cgroup, or in the topmost one above it that the load leaves less than 10 % of its "
      "limit; where that is the host's memory, in the root cgroup and with the target host the whole host, by the "
      "policies alone. A protected process is refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, ends the load within 1 s; if it is frozen too, the memory stays taken "
      "until Ordeal is thawed";
  return info;
}

const AttackInfo& memory_info() {
  static const AttackInfo info = describe_memory();
  return info;
}

// What is to be held on one victim.
struct MemoryLoad {
  std::string cgroup;  // "/" for a host
  std::vector<sys::Cgroup> join;
  int64_t asked = 0;
  bool total = false;
  int64_t used = 0;  // by the victim, before
  std::string top;   // the topmost cgroup whose limit is used up
  std::vector<std::string> notes;

  int64_t added() const { return total ? asked - used : asked; }
};

std::string in_bytes(int64_t bytes) { return plain_value(static_cast<double>(bytes), "bytes"); }

Result<int64_t> share_of_limit(const Victim& victim, const MemoryRoom& room, double percent, MemoryLoad& load) {
  auto limit = room.limit();
  int64_t whole = 0;
  if (limit) {
    whole = limit->limit;
    load.top = higher(load.top, limit->path);
    load.notes.push_back(
        fmt::format("the least limit is that of {} ({}): {}", limit->path, limit->name, in_bytes(whole)));
  } else if (victim.kind == VictimKind::kHost) {
    whole = TRY(sys::host_memory()).total;
  } else {
    return fail(Errc::kNotInjected,
                fmt::format("no cgroup from {} upwards has a memory limit, so that there is nothing to take {:g} % of",
                            load.cgroup, percent),
                "say mb or gb, or give the container a limit");
  }
  return static_cast<int64_t>(static_cast<double>(whole) * percent / 100);
}

Result<int64_t> amount_asked(const Victim& victim, const Attack& attack, const MemoryRoom& room, MemoryLoad& load) {
  auto given = [&](const char* name) { return attack.args.contains(name); };
  if (given("percent")) return share_of_limit(victim, room, number_argument(attack, "percent"), load);
  if (given("mb")) return static_cast<int64_t>(number_argument(attack, "mb") * kMegabyte);
  if (given("gb")) return static_cast<int64_t>(number_argument(attack, "gb") * kGigabyte);
  return static_cast<int64_t>(kGremlinsAmount);
}

int64_t tolerance_of(int64_t asked) { return std::max(static_cast<int64_t>(kLeastTolerance), asked / 100); }

Result<> refuse_without_room(const MemoryLoad& load, const MemoryRoom& room) {
  if (load.added() <= (load.total ? tolerance_of(load.asked) : 0))
    return fail(Errc::kNotInjected, fmt::format("{} uses {} already, of the {} that it is to use in all", load.cgroup,
                                                in_bytes(load.used), in_bytes(load.asked)));
  MemoryRoom::Narrowest least = TRY(room.narrowest());
  if (load.added() <= least.left) return {};
  return fail(
      Errc::kRefused,
      fmt::format("there is no room for {}: {} leaves {}, without what is kept back for the victim and the host",
                  in_bytes(load.added()), least.where, in_bytes(std::max<int64_t>(least.left, 0))),
      "ask for less");
}

Result<MemoryLoad> memory_load_for(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  if (victim.kind != VictimKind::kHost) TRY_VOID(refuse_frozen(live));
  if (!live.tree.with("memory"))
    return fail(Errc::kUnsupported, "no cgroup hierarchy of this host has the memory controller");
  MemoryLoad load;
  load.cgroup = loaded_cgroup(victim, live, "memory");
  load.top = load.cgroup;
  load.join = cgroups_to_join(live, load.cgroup, {"memory"});
  load.total = text_argument(attack, "strategy") == "total";
  MemoryRoom room(live.tree, load.cgroup);
  load.used = TRY(room.used());
  load.asked = TRY(amount_asked(victim, attack, room, load));
  TRY_VOID(refuse_without_room(load, room));
  load.top = higher(load.top, TRY(room.topmost(load.added())));
  note_top(load.top, load.cgroup, load.notes);
  if (!room.together().empty())
    load.notes.push_back(fmt::format(
        "were the load killed for want of memory, all in {} would be (memory.oom.group): 10 % of each limit stay free",
        room.together()));
  return load;
}

int64_t field_in(std::string_view text, std::string_view key) {
  for (std::string_view line : split(text, '\n'))
    if (line.starts_with(key))
      return parse_number<int64_t>(split_words(line.substr(key.size()), " \t").front()).value_or(0);
  return 0;
}

// Exact by the page table, or what the kernel counts on the fly.
Result<int64_t> anonymous_of(pid_t pid, bool exact) {
  std::string text = TRY(read_file(fmt::format("/proc/{}/{}", pid, exact ? "smaps_rollup" : "status")));
  return field_in(text, exact ? "Anonymous:" : "RssAnon:") * 1024;
}

std::function<Result<HoldLook>(const LoadChild&)> looks_at(const MemoryLoad& load, const sys::CgroupTree& tree) {
  bool exact = load.added() <= kExactUpTo;
  return [tree, exact, cgroup = load.cgroup, total = load.total](const LoadChild& child) -> Result<HoldLook> {
    MemoryRoom room(tree, cgroup);
    HoldLook seen;
    seen.own = TRY(anonymous_of(child.pid(), exact));
    seen.counted = cgroup == "/" ? TRY(room.used()) : TRY(sys::memory_use(tree, cgroup)).anonymous;
    if (total) seen.got = TRY(room.used());
    MemoryRoom::Narrowest least = TRY(room.narrowest());
    if (least.left <= 0) seen.shortage = fmt::format("{} left no room", least.where);
    return seen;
  };
}

LoadPlan child_for(const MemoryLoad& load, Nanos length) {
  LoadPlan plan;
  plan.join = load.join;
  plan.what = "memory load";
  plan.argv = {"--load",     "memory",
               "--cgroup",   load.cgroup,
               "--total",    load.total ? "yes" : "no",
               "--limit-ms", std::to_string(std::chrono::ceil<milliseconds>(length + kLoadGrace).count())};
  return plan;
}

Holding holding_of(const MemoryLoad& load, const Attack& attack, const sys::CgroupTree& tree) {
  Holding holding;
  holding.asked = load.asked;
  holding.ramp = duration_argument(attack, "ramp");
  holding.tolerance = static_cast<double>(tolerance_of(load.asked));
  holding.unit = "bytes";
  holding.what = (load.total ? "used by all in " : "resident in ") + load.cgroup;
  holding.look = looks_at(load, tree);
  holding.allowance = 1s + 1s * (load.added() / static_cast<int64_t>(kGigabyte) + 1);
  holding.patience = kDeath + kDeathOfGigabyte * (load.added() / static_cast<int64_t>(kGigabyte));
  return holding;
}

class MemoryFault : public Fault {
 public:
  const AttackInfo& info() const override { return memory_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use{true, info().mechanisms[0], "", ""};
    if (!features.cgroups_writable) {
      use.limits = "only targets in Ordeal's own cgroup: it cannot join others";
      use.advice = "run Ordeal as root";
    } else if (!features.can("CAP_IPC_LOCK")) {
      use.limits = "the memory may be swapped out, and then is not injected (no CAP_IPC_LOCK)";
    }
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    int given = 0;
    for (const char* name : {"mb", "gb", "percent"}) given += attack.args.contains(name);
    if (given > 1) return refuse_field(attack, "args", "give one of mb, gb and percent");
    if (duration_argument(attack, "ramp") >= attack.length)
      return refuse_field(attack, "args.ramp", "must be shorter than the length, " + format_duration(attack.length));
    return {};
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    MemoryLoad load = TRY(memory_load_for(victim, attack, TRY(look_at(victim))));
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    step.action =
        fmt::format("take {} of memory with a child process in the cgroup {}", in_bytes(load.added()), load.cgroup);
    if (load.total) step.action += fmt::format(", so that all in it use {}", in_bytes(load.asked));
    step.undo = "the kernel kills the child when the guard exits, and frees its memory";
    step.proof = info().proof;
    step.claims = claims_of_load(load.top, load.cgroup, "memory");
    step.notes = load.notes;
    return std::vector<Step>{std::move(step)};
  }

  Result<std::optional<Demand>> demand(const Victim& victim, const Attack& attack) const override {
    MemoryLoad load = TRY(memory_load_for(victim, attack, TRY(look_at(victim))));
    sys::HostMemory host = TRY(sys::host_memory());
    return Demand{"memory", "bytes", static_cast<double>(load.added()), static_cast<double>(host.total)};
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    return reach_of_load(victim, TRY(memory_load_for(victim, attack, TRY(look_at(victim)))).top);
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    LiveVictim live = TRY(look_at(victim));
    MemoryLoad load = TRY(memory_load_for(victim, attack, live));
    auto child = LoadChild::start(child_for(load, context.length));
    if (!child) return wrap(std::move(child).error(), fmt::format("cannot take memory of {}", victim.name));
    return std::make_unique<HoldImpact>(holding_of(load, attack, live.tree), std::move(*child));
  }
};

}  // namespace

const Fault& memory_fault() {
  static const MemoryFault fault;
  return fault;
}

}  // namespace ordeal::fault
