// shutdown: after a delay, ends a container, pod or process group with SIGKILL; a host (only when it is named twice)
// by reboot(2).
#include <fmt/format.h>
#include <linux/reboot.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/process/kill.h"
#include "fault/attacks/victim/live_victim.h"
#include "platform/sys/disk_sync.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kAgain = 10ms;
constexpr int kRounds = 200;
constexpr Nanos kSyncAtMost = 30s;
constexpr ino_t kInitialPidNamespace = 0xEFFFFFFC;  // PROC_PID_INIT_INO, the same on every Linux

AttackInfo describe() {
  AttackInfo info;
  info.type = "shutdown";
  info.summary =
      "Stops the victim after a delay: a container, pod or process by SIGKILL, a host by power-off or reboot.";
  info.arguments = {
      {.name = "delay",
       .kind = ArgumentKind::kDuration,
       .unit = 60s,
       .fallback = "1",
       .help = "Time until the victim is stopped, 0 to 24 h; a bare number is MINUTES. Stopping the run before then "
               "cancels it.",
       .gremlin = "-d, --delay, in minutes. Gremlin's shutdown has no length; here the length counts from the kill.",
       .least = 0,
       .most = 86400},
      {.name = "reboot",
       .kind = ArgumentKind::kBoolean,
       .fallback = "false",
       .help = "Reboot a host instead of powering it off. Has no meaning for other victims: their supervisor decides.",
       .gremlin = "-r, --reboot. Gremlin's documentation says that true is the default, its SDK says false."},
      {.name = "confirm_host",
       .kind = ArgumentKind::kText,
       .fallback = "null",
       .help = "The host's name; without it no host is shut down.",
       .gremlin = ""}};
  info.example =
      "name: losing one of three replicas goes unnoticed\n"
      "target: {type: container, labels: {app: api}, count: 1}\n"
      "attack:\n"
      "  type: shutdown\n"
      "  args: {delay: 5s}\n"
      "  length: 1m\n";
  info.noticed = "connections of the victim are reset and new ones refused until something starts it again";
  info.judged =
      "everything in the victim's cgroup, in nested cgroups, or in its list of processes. A protected process is "
      "refused (3); those that join later are checked again before the kill";
  info.when_frozen =
      "nothing is stopped; if Ordeal resumes within its lease (5 s), a shutdown whose time has come is done then, "
      "after that it is cancelled";
  info.lead_in = "delay";
  info.step = StepKind::kOneWay;
  info.mechanisms = {"cgroup.kill (cgroup v2)", "SIGKILL through pidfds", "reboot(2), for a host"};
  info.capabilities = {"CAP_KILL, for processes of other users", "CAP_SYS_BOOT, for a host"};
  info.proof = "all processes of the victim died, seen through their pidfds";
  info.limits = {"nothing is killed until every victim has been checked, nor when too few can be hit",
                 "a victim in a frozen cgroup is refused: the kill would take effect only when it is thawed",
                 "a host's disks are synced first, for 30 s at most"};
  return info;
}

const AttackInfo& shutdown_info() {
  static const AttackInfo info = describe();
  return info;
}

Result<> may_stop_host(const Attack& attack) {
  char bytes[256] = {};
  if (::gethostname(bytes, sizeof bytes - 1) < 0) return fail_errno("cannot read the host's name");
  std::string name = valid_text(bytes);
  std::string confirmed = text_argument(attack, "confirm_host");
  if (confirmed != name)
    return fail(
        Errc::kRefused,
        fmt::format("this would shut down the host {}, and attack.args.confirm_host is \"{}\"", name, confirmed),
        fmt::format("to do it anyway, set confirm_host: {}", name));
  struct stat space {};
  if (::stat("/proc/self/ns/pid", &space) < 0) return fail_errno("cannot inspect our PID namespace");
  if (space.st_ino != kInitialPidNamespace)
    return fail(Errc::kRefused, "Ordeal runs in a container, and shuts down a host only from the host itself");
  return {};
}

Result<> check(const Victim& victim, const Attack& attack, LiveVictim& live) {
  if (victim.kind == VictimKind::kHost) return may_stop_host(attack);
  live = TRY(look_at(victim));
  TRY_VOID(refuse_protected(live));
  return refuse_frozen(live);
}

class ShutdownImpact : public Impact {
 public:
  ShutdownImpact(Victim victim, bool reboot, BootTime due, ProtectionNow protection)
      : victim_(std::move(victim)), reboot_(reboot), due_(due), protection_(std::move(protection)) {}

  std::vector<int> descriptors() const override { return sync_ ? std::vector<int>{sync_->fd()} : kills_.descriptors(); }

  bool is_long(BootTime now) const override { return !ended_ && !done_ && now >= due_ + kAgain * rounds_; }
  std::optional<BootTime> next_work() const override {
    if (ended_ || done_) return std::nullopt;
    return sync_ ? due_ + kSyncAtMost : due_ + kAgain * rounds_;
  }

  Result<> work(BootTime now) override {
    kills_.confirm();
    if (ended_ || done_ || now < due_ + kAgain * rounds_) return {};
    if (victim_.kind == VictimKind::kHost) return stop_host(now);
    return kill_round();
  }

  Result<> revert() override {
    ended_ = true;
    kills_.confirm_within(kLastDeaths);
    return {};
  }

  Proof proof(BootTime now) const override {
    Proof proof;
    proof.unit = "processes";
    proof.asked = kills_.sent();
    proof.got = kills_.dead();
    proof.lasting = kills_.lasting();
    proof.may_return = true;
    proof.moments = kills_.moments();
    if (rounds_ == 0) {
      proof.measured = "nothing was shut down";
      proof.reason = sync_    ? "the disks were still being synced"
                     : ended_ ? "cancelled before the delay was over"
                              : fmt::format("the delay had another {:.1f} s to go", to_seconds(due_ - now));
      return proof;
    }
    if (victim_.kind == VictimKind::kHost) {
      proof.measured = "the host still runs";
      proof.reason = "the kernel did not shut it down";
      return proof;
    }
    proof.coverage = {kills_.coverage()};
    proof.proven = done_ && kills_.dead() > 0 && !kills_.pending();
    proof.measured = fmt::format("{} of {} killed processes died", kills_.dead(), kills_.sent());
    if (!proof.proven)
      proof.reason = "the victim still has processes: one may hang in the kernel, be frozen, or fork fast";
    return proof;
  }

  bool outlives_victim() const override { return true; }

 private:
  // A process may fork while we kill: rounds go on until the cgroup is empty. A supervisor that restarts the victim in
  // the same cgroup is told apart by its processes' start: a second after the kill, or later.
  Result<> kill_round() {
    ++rounds_;
    auto live = look_at(victim_);
    if (!live || rounds_ > kRounds) {
      done_ = !live;
      ended_ = true;
      if (done_ && kills_.sent() == 0) return fail(Errc::kNotInjected, victim_.name + " was gone before its shutdown");
      return {};
    }
    const Protection* protection = TRY(protection_());
    TRY_VOID(refuse_protected(*live, *protection));
    if (rounds_ == 1) TRY_VOID(refuse_frozen(*live));
    if (rounds_ == 1) begin_ticks_ = static_cast<uint64_t>(boot_now().time_since_epoch() / kTick);
    auto newer = [&](const sys::Process& p) { return p.start_ticks > begin_ticks_ + kForkTicks; };
    auto& targets = live->processes;
    targets.erase(std::remove_if(targets.begin(), targets.end(), newer), targets.end());
    done_ = targets.empty();
    if (rounds_ == 1) TRY_VOID(Kills::allowed(targets));
    for (const sys::Process& process : targets) TRY_VOID(kills_.send(process));
    if (auto whole = cgroup_to_kill(live->tree); rounds_ == 1 && whole) TRY_VOID(kill_whole(*whole));
    kills_.confirm();
    return {};
  }

  // Whoever came since the others were judged would be hit unjudged; then the rounds have to do.
  Result<> kill_whole(const sys::Cgroup& cgroup) {
    const Protection* protection = TRY(protection_());
    if (!refuse_protected_in(whole_victim(victim_), *protection)) return {};
    return cgroup.write("cgroup.kill", "1");
  }

  // v2 kills a whole cgroup in one step, whatever forks meanwhile. The handles of the processes are open by then.
  std::optional<sys::Cgroup> cgroup_to_kill(const sys::CgroupTree& tree) const {
    if (victim_.cgroup.empty() || !tree.unified()) return std::nullopt;
    auto cgroup = tree.find(*tree.unified(), victim_.cgroup);
    return cgroup && cgroup->has_file("cgroup.kill") ? cgroup : std::nullopt;
  }

  // What is unwritten would be lost. Until it is written the guard goes on, and a halt cancels.
  Result<> stop_host(BootTime now) {
    const Protection* protection = TRY(protection_());
    TRY_VOID(refuse_protected_in(whole_victim(victim_), *protection));
    if (!sync_) {
      sync_.emplace(TRY(sys::DiskSync::start()));
      return {};
    }
    if (!sync_->over() && now < due_ + kSyncAtMost) return {};
    ++rounds_;
    done_ = true;
    if (::reboot(reboot_ ? LINUX_REBOOT_CMD_RESTART : LINUX_REBOOT_CMD_POWER_OFF) < 0)
      return fail_errno("cannot shut down the host");
    return {};
  }

  static constexpr Nanos kTick = 10ms;
  static constexpr uint64_t kForkTicks = 100;  // 1 s: what forks later than that after the kill is a restart

  Victim victim_;
  bool reboot_;
  BootTime due_;
  ProtectionNow protection_;
  Kills kills_;
  std::optional<sys::DiskSync> sync_;  // of a host
  uint64_t begin_ticks_ = 0;           // when the kill began, as processes count their start
  int rounds_ = 0;
  bool done_ = false;
  bool ended_ = false;
};

class ShutdownFault : public Fault {
 public:
  const AttackInfo& info() const override { return shutdown_info(); }

  Usability usability(const host::Features& features) const override {
    bool whole_cgroups = features.cgroup_kill && features.cgroups_writable;
    Usability use = usability_of_signals(features, info().mechanisms[whole_cgroups ? 0 : 1]);
    if (use.usable && use.limits.empty() && !features.can("CAP_SYS_BOOT")) use.limits = "no host (no CAP_SYS_BOOT)";
    return use;
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    LiveVictim live;
    TRY_VOID(check(victim, attack, live));
    std::string delay = format_duration(duration_argument(attack, "delay"));
    Step step;
    step.kind = StepKind::kOneWay;
    step.victim = victim.name;
    bool reboot = flag_argument(attack, "reboot");
    if (victim.kind == VictimKind::kHost) {
      step.action = fmt::format("after {}, {} this host", delay, reboot ? "restart" : "power off");
      step.proof = "none from here: Ordeal stops with the host, and the record shows the run as interrupted";
      step.claims = {"host/power"};
    } else {
      step.action = fmt::format("after {}, SIGKILL to {}{}: {}", delay, live.processes.size() > 1 ? "all " : "",
                                counted(live.processes.size(), "process", "processes"), name_some(live.processes));
      step.claims = claims_on(victim, live, "processes");
      step.proof = info().proof;
      if (reboot) step.notes.push_back("reboot has no meaning here: its supervisor decides whether it comes back");
    }
    step.undo = "none: irreversible; until the delay is over, stopping the run cancels it";
    step.notes.push_back(fmt::format("the length ({}) counts from the kill, so the impact lasts {} in all",
                                     format_duration(attack.length), format_duration(attack.total())));
    return std::vector<Step>{std::move(step)};
  }

  Result<> may_apply(const Victim& victim, const Attack& attack, const Protection&) const override {
    LiveVictim live;
    TRY_VOID(check(victim, attack, live));
    return Kills::allowed(live.processes);
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    LiveVictim live;
    TRY_VOID(check(victim, attack, live));
    return std::make_unique<ShutdownImpact>(victim, flag_argument(attack, "reboot"),
                                            context.now + duration_argument(attack, "delay"), context.protection);
  }
};

}  // namespace

const Fault& shutdown_fault() {
  static const ShutdownFault fault;
  return fault;
}

}  // namespace ordeal::fault
