// reset: the victim's TCP connections that stand and are meant are reset by the kernel, once or again at an interval.
// The victim's programs see an error at once (ECONNABORTED), the other ends a reset.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/connectivity/chosen_connections.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/attacks/victim/scope.h"
#include "fault/packets/names/lookup.h"
#include "fault/packets/names/name_watch.h"
#include "platform/sys/sockets/listeners.h"

namespace ordeal::fault {
namespace {

using sys::TcpConnection;

constexpr Nanos kAwaitNames = 3s;  // longest before the first round
constexpr Nanos kLookForNames = 50ms;
constexpr size_t kMomentsKept = 100;
constexpr Nanos kJudgementHolds = 20ms;  // then who holds what is looked at again, and whether there was a halt
constexpr int kMostPerJudgement = 500;
constexpr Nanos kLongestCall = 300ms;  // of work(); the rest of a round comes in the next one

std::vector<ArgumentInfo> reset_arguments() {
  using Kind = ArgumentKind;
  std::vector<ArgumentInfo> arguments{
      {"interval", Kind::kDuration, 1s, "null", "Time between resets, 0.1 s to 24 h; once when absent", "none", 0.1,
       86400},
      {"percent", Kind::kPercent, 1s, "100", "Share of the matching connections, drawn anew each time, above 0 to 100",
       "none", 0.1, 100},
      {"loopback", Kind::kBoolean, 1s, "false", "Also connections of the victim with itself, over lo", "none"},
  };
  for (ArgumentInfo& argument : packets::traffic_arguments())
    if (argument.name != "device" && argument.name != "protocol") arguments.push_back(std::move(argument));
  return arguments;
}

AttackInfo describe_reset() {
  AttackInfo info;
  info.type = "reset";
  info.summary = "Resets TCP connections of the victim that stand.";
  info.arguments = reset_arguments();
  info.example =
      "name: the pool comes back when its connections break\n"
      "target: {type: container, name: shop}\n"
      "attack:\n"
      "  type: reset\n"
      "  args: {ports: 5432, interval: 10s}\n"
      "  length: 1m\n";
  info.hits_network = true;
  info.hits = Hits::kConnections;
  info.step = StepKind::kOneWay;
  info.mechanisms = {"the kernel's own end of a socket (sock_diag, CONFIG_INET_DIAG_DESTROY)"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it"};
  info.noticed =
      "established connections that match end with a reset and may be made anew at once; nothing where there are none";
  info.proof = "the connections that the kernel ended, and that are not in its list any more";
  info.judged = judged_packets() +
                "; a connection that a protected process holds is never reset, nor one that no process holds that can "
                "be seen";
  info.when_frozen = "nothing is reset; missed rounds are not made up for";
  info.limits = {"connections that are being made or wait to be accepted, and QUIC, are not hit: blackhole hits them",
                 "where the host translates addresses between the two ends, both still see the reset",
                 "a kernel without CONFIG_INET_DIAG_DESTROY cannot do it; Debian's, Ubuntu's and Fedora's have it"};
  return info;
}

const AttackInfo& reset_info() {
  static const AttackInfo info = describe_reset();
  return info;
}

// Whom a reset would hit shows in /proc alone.
Result<> holders_are_visible() {
  if (sys::NetNs::all_processes_are_visible()) return {};
  return fail(Errc::kRefused, "here it cannot be seen who holds a connection: Ordeal is in a PID namespace of its own",
              "run Ordeal in the host's PID namespace (hostPID, --pid=host)");
}

Result<packets::Traffic> connections_of(const Attack& attack) {
  Attack plain = attack;
  plain.args["protocol"] = "tcp";
  packets::Traffic traffic = TRY(packets::read_traffic(plain));
  traffic.loopback_too = flag_argument(attack, "loopback");
  return traffic;
}

// The sockets that a process holds whom we can see, and of those what somebody protected holds.
struct Holders {
  std::set<uint64_t> seen, guarded;
};

Result<Holders> look_for_holders(const Protection& protection) {
  Holders holders;
  for (const sys::Process& process : TRY(sys::list_processes())) {
    if (!process.alive() || process.kernel_thread()) continue;
    std::set<uint64_t> held = sys::sockets_of(process.pid);
    if (!held.empty() && protection.refusal(process)) holders.guarded.insert(held.begin(), held.end());
    holders.seen.merge(held);
  }
  return holders;
}

struct ResetPlan {
  Nanos interval{0};  // 0: once
  double share = 1;
};

class ResetImpact : public Impact {
 public:
  ResetImpact(ChosenConnections chosen, ResetPlan plan, sys::TcpConnections kernel, const Context& context)
      : chosen_(std::move(chosen)),
        plan_(plan),
        kernel_(std::move(kernel)),
        random_(context.random->next()),
        protection_(context.protection),
        began_(context.now),
        next_(context.now) {}

  Result<> watch_names() {
    std::vector<std::string> names = chosen_.traffic.names;
    const auto& excluded = chosen_.traffic.excluded_names;
    names.insert(names.end(), excluded.begin(), excluded.end());
    if (!names.empty()) names_ = TRY(packets::NameWatch::start(names));
    return {};
  }

  bool is_long(BootTime now) const override { return next_work() && now >= *next_work(); }
  std::optional<BootTime> next_work() const override { return chosen_now_.empty() ? next_ : BootTime{}; }

  Result<> work(BootTime now) override {
    if (!chosen_now_.empty()) return reset_chosen();
    if (!next_ || now < *next_) return {};
    TRY_VOID(follow_names());
    if (TRY(waits_for_names(now))) return next_ = now + kLookForNames, Result<>{};
    // Rounds that were slept through are not made up for.
    next_.reset();
    if (plan_.interval > Nanos(0)) next_ = now + plan_.interval;
    return reset_round();
  }

  bool in_force() const override { return !names_ || rounds_ > 0; }

  Result<> revert() override {
    next_.reset();
    chosen_now_.clear();
    (void)confirm();
    return {};
  }

  Proof proof(BootTime) const override;

 private:
  Result<> follow_names() {
    if (!names_) return {};
    const auto& excluded = chosen_.traffic.excluded_names;
    for (const packets::NamedAddress& found : TRY(names_->read())) {
      bool spared = std::find(excluded.begin(), excluded.end(), found.name) != excluded.end();
      (spared ? chosen_.excluded_named : chosen_.named).push_back(found.address);
    }
    return {};
  }

  // Nothing is reset as long as a name that is excluded could be any address.
  Result<bool> waits_for_names(BootTime now) const {
    if (!names_ || names_->unknown().empty()) return false;
    if (now - began_ < kAwaitNames) return rounds_ == 0;
    for (const std::string& name : chosen_.traffic.excluded_names)
      if (auto unknown = names_->unknown().find(name); unknown != names_->unknown().end())
        return fail(Errc::kNotInjected, fmt::format("it is not known what to spare: {}: {}", name, unknown->second));
    return false;
  }

  Result<> reset_round() {
    for (const TcpConnection& connection : TRY(kernel_.list()))
      if (chosen_.means(connection) && (plan_.share >= 1 || random_.uniform() < plan_.share))
        chosen_now_.push_back(connection);
    ++rounds_;
    return reset_chosen();
  }

  Result<> reset_chosen() {
    for (BootTime until = boot_now() + kLongestCall; !chosen_now_.empty() && boot_now() < until;) {
      TRY_VOID(spare());
      TRY_VOID(reset_some());
    }
    return confirm();
  }

  // Who holds them is asked after they were listed: what was opened since is not among them. One that nobody holds
  // waits to be accepted, by whomever.
  Result<> spare() {
    Holders holders = TRY(look_for_holders(*TRY(protection_())));
    std::erase_if(chosen_now_, [&](const TcpConnection& one) {
      bool guarded = holders.guarded.count(one.inode) != 0, held = holders.seen.count(one.inode) != 0;
      guarded_ += guarded;
      unheld_ += !guarded && !held;
      return guarded || !held;
    });
    return {};
  }

  Result<> reset_some() {
    TRY_VOID(protection_());  // looking took its time: a halt or a new policy comes before the act
    BootTime until = boot_now() + kJudgementHolds;
    if (!chosen_now_.empty() && moments_.size() < kMomentsKept) moments_.push_back(boot_now());
    for (int i = 0; i < kMostPerJudgement && !chosen_now_.empty() && boot_now() < until; ++i) {
      TcpConnection connection = std::move(chosen_now_.back());
      chosen_now_.pop_back();
      TRY_VOID(reset(connection));
    }
    return {};
  }

  Result<> reset(const TcpConnection& connection) {
    auto done = kernel_.destroy(connection);
    if (!done && done.error().code == Errc::kUnsupported) return tl::unexpected(std::move(done).error());
    if (!done) failed_ = done.error().message();
    refused_ += !done;
    if (done && *done) unconfirmed_.push_back(connection), ++sent_;
    return {};
  }

  // Those that are not listed any more are gone.
  Result<> confirm() {
    if (unconfirmed_.empty()) return {};
    std::vector<TcpConnection> there = TRY(kernel_.list());
    auto stands = [&](const TcpConnection& one) {
      return std::any_of(there.begin(), there.end(), [&](const TcpConnection& other) { return other.same_as(one); });
    };
    std::erase_if(unconfirmed_, [&](const TcpConnection& one) { return !stands(one); });
    return {};
  }

  ChosenConnections chosen_;
  ResetPlan plan_;
  sys::TcpConnections kernel_;
  Random random_;
  ProtectionNow protection_;
  BootTime began_;
  std::optional<BootTime> next_;
  std::optional<packets::NameWatch> names_;
  std::vector<TcpConnection> chosen_now_;  // of this round, and not reset yet
  std::vector<TcpConnection> unconfirmed_;
  std::vector<BootTime> moments_;
  std::string failed_;
  uint64_t sent_ = 0, refused_ = 0, guarded_ = 0, unheld_ = 0;
  int rounds_ = 0;
};

Proof ResetImpact::proof(BootTime) const {
  auto gone = static_cast<double>(sent_ - unconfirmed_.size());
  auto missed = static_cast<double>(unconfirmed_.size() + refused_);
  Proof proof;
  proof.unit = "connections";
  proof.asked = gone + missed;
  proof.got = gone;
  proof.coverage = {{"connections", gone, missed, "connections", failed_}};
  proof.measured = fmt::format("{} of {} connections were reset, in {}", gone, gone + missed,
                               counted(static_cast<size_t>(rounds_), "round", "rounds"));
  if (guarded_ > 0) proof.measured += fmt::format("; {} spared: a protected process holds them", guarded_);
  if (unheld_ > 0) proof.measured += fmt::format("; {} spared: no process that can be seen holds them", unheld_);
  proof.moments = moments_;
  if (gone > 0)
    proof.lasting = fmt::format("{} were reset", counted(static_cast<size_t>(gone), "connection", "connections"));
  proof.reason = shortfall(proof.coverage[0]);
  if (gone + missed == 0)
    proof.reason = fmt::format("no connection matched ({}): check the ports and hosts", describe(chosen_.traffic));
  if (names_ && !proof.reason.empty())
    for (const auto& [name, why] : names_->unknown()) proof.reason += fmt::format("; {}: {}", name, why);
  proof.proven = proof.reason.empty();
  return proof;
}

class ResetFault : public Fault {
 public:
  const AttackInfo& info() const override { return reset_info(); }

  Usability usability(const host::Features& features) const override {
    if (features.can("CAP_NET_ADMIN") && features.can("CAP_SYS_ADMIN")) return {true, info().mechanisms[0], "", ""};
    return {false, "no CAP_NET_ADMIN or CAP_SYS_ADMIN", "",
            "run Ordeal as root, or give it CAP_NET_ADMIN and CAP_SYS_ADMIN"};
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack, const Protection&) const override {
    packets::Traffic traffic = TRY(connections_of(attack));
    PacketPlace place = TRY(place_of(victim, traffic));
    Nanos interval = duration_argument(attack, "interval");
    double percent = number_argument(attack, "percent");
    Step step;
    step.kind = StepKind::kOneWay;
    step.victim = victim.name;
    step.action =
        fmt::format("reset {}TCP connections in network namespace {} ({}), {}",
                    percent < 100 ? fmt::format("{:g} % of the ", percent) : "the ", place.netns.id().inode,
                    describe(traffic), interval > Nanos(0) ? "now and every " + format_duration(interval) : "once");
    step.undo = "none: irreversible; nothing is reset once the impact ends";
    step.proof = info().proof;
    std::string resource =
        place.scope ? fmt::format("cgroup:{}", place.cgroup) : fmt::format("netns:{}", place.netns.id().inode);
    step.claims = {resource + "/connections"};
    if (traffic.looks_up()) step.claims.push_back(kLookups);
    if (place.scope) step.notes.push_back("only connections of sockets created in the cgroup are reset");
    step.notes.push_back(
        "spared: connections that a protected process holds, those that nobody has accepted yet, and Ordeal's own "
        "monitoring");
    return std::vector<Step>{std::move(step)};
  }

  Result<Reach> reach(const Victim& victim, const Attack& attack) const override {
    TRY_VOID(holders_are_visible());
    if (victim.kind == VictimKind::kHost) return whole_victim(victim);
    packets::Traffic traffic = TRY(connections_of(attack));
    PacketPlace place = TRY(place_of(victim, traffic));
    return place.scope ? Result<Reach>(cgroup_reach(victim, place.cgroup)) : netns_reach(victim);
  }

  Result<std::vector<std::string>> names_now(const Attack& attack) const override {
    return packets::names_in_words(TRY(connections_of(attack)));
  }

  Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                        const Context& context) const override {
    ChosenConnections chosen;
    chosen.traffic = TRY(connections_of(attack));
    chosen.exemptions = context.exemptions;
    PacketPlace place = TRY(place_of(victim, chosen.traffic));
    if (place.scope) chosen.cgroups = TRY(socket_cgroup_ids(place.cgroup));
    ResetPlan plan{duration_argument(attack, "interval"), number_argument(attack, "percent") / 100};
    auto impact =
        std::make_unique<ResetImpact>(std::move(chosen), plan, TRY(sys::TcpConnections::open(place.netns)), context);
    TRY_VOID(impact->watch_names());
    return impact;
  }
};

}  // namespace

const Fault& reset_fault() {
  static const ResetFault fault;
  return fault;
}

}  // namespace ordeal::fault
