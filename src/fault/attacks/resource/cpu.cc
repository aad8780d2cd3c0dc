// cpu: additive load on the CPUs that the victim may use, inside its quota. Made by burner children (burner.h).
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/load/load_place.h"
#include "fault/attacks/resource/burner.h"
#include "fault/attacks/resource/cpu_proof.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/cgroup/cgroup_control.h"
#include "platform/sys/process/standstill.h"

namespace ordeal::fault {
namespace {

constexpr double kShortestLook = 0.5;  // seconds
constexpr Nanos kConfirm = 200ms;      // from one look at where the burner is to the next
constexpr Nanos kGrace = 10s;          // the burner outlives a forgotten guard at most so long

AttackInfo describe_cpu() {
  AttackInfo info;
  info.type = "cpu";
  info.summary = "Loads the CPUs that the victim may use, on top of its own load and inside its quota.";
  info.arguments = {
      {.name = "cores",
       .kind = ArgumentKind::kInteger,
       .fallback = "1",
       .help = "How many CPUs to load, 1 to 4096; 0 means all that the victim may use.",
       .gremlin =
           "-c, --cores. Gremlin rounds a container's limit up to whole CPUs; here a quota of 0.5 CPU stays 0.5.",
       .least = 0,
       .most = 4096},
      {.name = "percent",
       .kind = ArgumentKind::kPercent,
       .fallback = "100",
       .help = "Load on each of these CPUs in percent, above 0 to 100; of the quota if that is smaller.",
       .gremlin = "-p, --percent (capacity).",
       .least = 0.1,
       .most = 100},
      {.name = "all",
       .kind = ArgumentKind::kBoolean,
       .fallback = "false",
       .help = "Load all CPUs that the victim may use, whatever `cores` says.",
       .gremlin = "-a, --all."}};
  info.example =
      "name: the API stays fast beside a busy neighbour\n"
      "target: {type: container, name: api}\n"
      "attack:\n"
      "  type: cpu\n"
      "  args: {cores: 2, percent: 80}\n"
      "  length: 2m\n";
  info.limits = {
      "a victim in a frozen cgroup is refused",
      "in a cluster a pod without a named container means its default container (the annotation "
      "kubectl.kubernetes.io/default-container, else the first): there its quota is, and there an autoscaler "
      "sees the load"};
  info.step = StepKind::kOwned;
  info.of_container = true;
  info.mechanisms = {"a child process in the victim's cpu cgroup, closed loop on its own CPU clock"};
  info.capabilities = {"write access to the victim's cgroup.procs", "CAP_SYS_NICE, for precision on a busy machine"};
  info.proof =
      "CPU time actually used by the burner in the victim's cgroup, over the elapsed time, within 2 points, over a "
      "short time more (what six of its periods of 20 ms come to); a throttled period of the quota excuses its own "
      "share, and is reported";
  info.noticed =
      "what computes on the loaded CPUs gets less of them and waits the longer the busier they are; under a quota it "
      "stands still for the rest of each period; nothing as long as idle CPUs take the load";
  info.judged =
      "everything that shares the quota of the loaded cgroup; in the root cgroup and with the target host the whole "
      "host, by the policies alone. A protected process is refused (3); one that joins later ends the attack";
  info.when_frozen =
      "the reaper, which has its own cgroup, ends the load within 1 s; if it is frozen too, the load continues until "
      "Ordeal is thawed, at most until 10 s after the attack's length";
  return info;
}

const AttackInfo& cpu_info() {
  static const AttackInfo info = describe_cpu();
  return info;
}

// What the load will be on one victim.
struct Load {
  std::string cgroup;             // whose quota and CPUs count; "/" for a host
  std::vector<sys::Cgroup> join;  // where the burner goes
  std::vector<int> cpus;          // that the victim may use
  std::optional<double> quota;    // in CPUs
  double capacity = 0;            // CPUs of which `percent` is taken; may be a fraction
  double total = 0;               // CPUs asked
  BurnPlan burn;
  std::vector<std::string> notes;
};

void size_load(Load& load, const Attack& attack) {
  double available = static_cast<double>(load.cpus.size());
  double cores = number_argument(attack, "cores");
  bool all = flag_argument(attack, "all") || cores == 0;
  if (all || cores > available) {
    if (!all) load.notes.push_back(fmt::format("{} cores requested, the victim may use {}", cores, available));
    cores = available;
  }
  load.capacity = std::min(cores, load.quota.value_or(cores));
  double percent = number_argument(attack, "percent");
  load.total = load.capacity * percent / 100;
  load.burn.threads = static_cast<int>(std::ceil(load.capacity - 1e-9));
  load.burn.load = load.total / load.burn.threads;
  if (load.capacity == available) load.burn.pins = load.cpus;
  if (load.quota && *load.quota < cores)
    load.notes.push_back(
        fmt::format("the quota of {} is {:g} CPU: {:g} % of it is requested", load.cgroup, *load.quota, percent));
}

Result<Load> load_for(const Victim& victim, const Attack& attack, const LiveVictim& live) {
  if (victim.kind != VictimKind::kHost) TRY_VOID(refuse_frozen(live));
  Load load;
  load.cgroup = loaded_cgroup(victim, live, "cpu");
  load.join = cgroups_to_join(live, load.cgroup, {"cpu", "cpuacct", "cpuset"});
  load.cpus = TRY(sys::allowed_cpus(live.tree, load.cgroup));
  if (load.cpus.empty()) return fail(Errc::kNotInjected, "the victim may use no CPU");
  if (live.tree.with("cpu")) load.quota = TRY(sys::cpu_quota(live.tree, load.cgroup));
  size_load(load, attack);
  return load;
}

class CpuImpact : public Impact {
 public:
  CpuImpact(Load load, sys::CgroupTree tree, Burner burner)
      : load_(std::move(load)), tree_(std::move(tree)), burner_(std::move(burner)) {}

  std::vector<int> descriptors() const override { return ended_ ? std::vector<int>{} : burner_.descriptors(); }
  std::optional<BootTime> next_work() const override {
    return ended_ || !start_ ? std::nullopt : std::optional(next_confirm_);
  }

  Result<> work(BootTime now) override {
    if (ended_ || !TRY(burner_.begun())) return {};
    if (start_ && now < next_confirm_) return {};
    next_confirm_ = now + kConfirm;
    Look seen = TRY(look());
    if (start_) return account(seen);
    start_ = counted_ = seen;
    home_ = TRY(where_it_is());
    return {};
  }

  Result<> renew() override {
    note_freeze();
    return {};
  }

  Result<> revert() override {
    if (ended_) return {};
    note_freeze();
    auto last = look();
    if (last && start_) (void)account(*last);
    if (last) last_ = *last;
    ended_ = true;
    return burner_.stop();
  }

  Proof proof(BootTime) const override {
    std::optional<Look> now = last_;
    if (!ended_) {
      auto look_now = look();
      if (look_now) now = *look_now;
    }
    Proof proof;
    proof.asked = load_.total * 100;
    proof.unit = "% of one CPU";
    if (start_ && !now) {
      proof.measured = "the load ended before the impact did";
      proof.reason = "somebody else killed the load process";
      return proof;
    }
    if (!start_ || to_seconds(now->at - start_->at) < kShortestLook) {
      proof.measured = "the load was not measured for long enough";
      proof.reason = fmt::format("less than {} s of load were seen; use a longer length", kShortestLook);
    } else {
      proof = prove_cpu(use(*start_, *now));
      proof.coverage = {coverage()};
      if (std::string short_of = shortfall(proof.coverage[0]); !short_of.empty()) {
        proof.proven = false;
        proof.reason = std::move(short_of);
      }
    }
    if (!proof.proven && frozen_)
      proof.reason = fmt::format("the cgroup {} was frozen by somebody else, and the load process with it", *frozen_);
    return proof;
  }

 private:
  struct Look {
    BootTime at;
    Nanos used;
    sys::CpuUsage cgroup;
  };

  void note_freeze() {
    if (frozen_) return;
    if (auto burner = sys::read_process(burner_.pid())) frozen_ = sys::frozen_by(tree_, *burner);
  }

  Result<Look> look() const {
    Look look;
    look.used = TRY(burner_.used());
    look.at = boot_now();
    look.cgroup = sys::cpu_usage(tree_, load_.cgroup).value_or(sys::CpuUsage{});
    return look;
  }

  // The cgroups whose CPUs and quota the load must share.
  Result<std::vector<std::string>> where_it_is() const {
    sys::Process burner = TRY(sys::read_process(burner_.pid()));
    std::vector<std::string> paths;
    for (const char* controller : {"cpu", "cpuacct", "cpuset"}) paths.push_back(tree_.path_of(burner, controller));
    return paths;
  }

  // What was used since the last look was used in the victim's cgroup, if the burner is there now and was there then.
  Result<> account(const Look& seen) {
    std::vector<std::string> now = TRY(where_it_is());
    bool at_home = now == home_ && was_at_home_;
    was_at_home_ = now == home_;
    if (!was_at_home_) moved_to_ = now.front();
    (at_home ? inside_ : outside_) += seen.used - counted_->used;
    counted_ = seen;
    return {};
  }

  Coverage coverage() const {
    Coverage coverage{"cpu", to_seconds(inside_), to_seconds(outside_), "s of CPU time", {}};
    if (outside_ > Nanos(0))
      coverage.missing = fmt::format("{:.1f} s were used outside of {}, because somebody moved the load{}",
                                     coverage.missed, load_.cgroup, moved_to_.empty() ? "" : " to " + moved_to_);
    return coverage;
  }

  CpuUse use(const Look& start, const Look& now) const {
    CpuUse use{load_.total, 0, load_.capacity, to_seconds(now.at - start.at), load_.cgroup};
    use.got = to_seconds(now.used - start.used - outside_) / use.seconds;
    use.periods = now.cgroup.periods - start.cgroup.periods;
    use.throttled = now.cgroup.throttled_periods - start.cgroup.throttled_periods;
    return use;
  }

  Load load_;
  sys::CgroupTree tree_;
  Burner burner_;
  std::optional<Look> start_;
  std::optional<Look> counted_;
  std::optional<Look> last_;
  std::vector<std::string> home_;
  bool was_at_home_ = true;
  std::string moved_to_;
  Nanos inside_{0}, outside_{0};  // CPU time used in the victim's cgroup, and elsewhere
  BootTime next_confirm_{};
  std::optional<std::string> frozen_;  // the cgroup in which the load was seen standing still
  bool ended_ = false;
};

class CpuFault : public Fault {
 public:
  const AttackInfo& info() const override { return cpu_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use{true, info().mechanisms[0], "", ""};
    if (!features.cgroups_writable) {
      use.limits = "only targets in Ordeal's own cgroup: it cannot join others";
      use.advice = "run Ordeal as root";
    } else if (!features.can("CAP_SYS_NICE")) {
      use.limits = "less precise on a busy machine (no CAP_SYS_NICE)";
    }
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    LiveVictim live = TRY(look_at(victim));
    Load load = TRY(load_for(victim, attack, live));
    Step step;
    step.kind = StepKind::kOwned;
    step.victim = victim.name;
    step.action = fmt::format("use {:g} CPU ({:g} % of {:g}) with {} of a child process in the cgroup {}", load.total,
                              number_argument(attack, "percent"), load.capacity,
                              counted(load.burn.threads, "thread", "threads"), load.cgroup);
    step.undo = "the kernel kills the child when the guard exits";
    step.proof = info().proof;
    step.claims = {victim.kind == VictimKind::kHost ? "host/cpu" : fmt::format("cgroup:{}/cpu", load.cgroup)};
    if (load.cgroup != "/") step.claims.push_back(fmt::format("within:{}/guest", load.cgroup));
    step.notes = load.notes;
    return std::vector<Step>{std::move(step)};
  }

  Result<std::optional<Demand>> demand(const Victim& victim, const Attack& attack) const override {
    Load load = TRY(load_for(victim, attack, TRY(look_at(victim))));
    return Demand{"CPUs", "", load.total, static_cast<double>(::sysconf(_SC_NPROCESSORS_ONLN))};
  }

  // Whoever shares the quota of the cgroup that is loaded; in the root that is the host.
  Result<Reach> reach(const Victim& victim, const Attack&) const override {
    if (victim.kind == VictimKind::kHost) return whole_victim(victim);
    Reach reach;
    reach.beside = true;
    reach.cgroup = loaded_cgroup(victim, TRY(look_at(victim)), "cpu");
    reach.host = reach.cgroup == "/";
    return reach;
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    LiveVictim live = TRY(look_at(victim));
    Load load = TRY(load_for(victim, attack, live));
    load.burn.limit = context.length + kGrace;
    auto burner = Burner::start(load.burn, load.join);
    if (!burner) return wrap(std::move(burner).error(), fmt::format("cannot load the CPU of {}", victim.name));
    return std::make_unique<CpuImpact>(std::move(load), std::move(live.tree), std::move(*burner));
  }
};

}  // namespace

const Fault& cpu_fault() {
  static const CpuFault fault;
  return fault;
}

}  // namespace ordeal::fault
