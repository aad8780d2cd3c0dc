// dns: without names, as Gremlin's: everything to and from port 53 is dropped. With names, types or another action:
// only the questions that are meant are answered falsely, delayed or lost; all others are never touched.
#include <fmt/format.h>

#include <map>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "fault/attacks/connectivity/blackhole_proof.h"
#include "fault/attacks/connectivity/dns_proof.h"
#include "fault/attacks/faults.h"
#include "fault/attacks/network/packet_fault.h"
#include "fault/packets/dns/interceptor.h"

namespace ordeal::fault {
namespace {

using packets::Direction;
using packets::PacketVerdict;
using packets::dns::Act;
using packets::dns::ChosenNames;
using packets::dns::Interceptor;

struct Deed {
  Act act;
  const char* words;
};

const std::map<std::string, Deed>& deeds() {
  using Kind = Act::Kind;
  static const std::map<std::string, Deed> all{
      {"drop", {{.kind = Kind::kDrop}, "drop"}},
      {"delay", {{.kind = Kind::kDelay}, "delay"}},
      {"nxdomain", {{.kind = Kind::kAnswer, .code = packets::dns::kNxDomain}, "answer NXDOMAIN to"}},
      {"servfail", {{.kind = Kind::kAnswer, .code = packets::dns::kServFail}, "answer SERVFAIL to"}},
      {"refused", {{.kind = Kind::kAnswer, .code = packets::dns::kRefused}, "answer REFUSED to"}},
      {"fixed", {{.kind = Kind::kAnswer}, "answer with the given addresses to"}},
      {"random", {{.kind = Kind::kAnswer, .random_address = true}, "answer with random addresses to"}},
  };
  return all;
}

std::vector<ArgumentInfo> own_arguments() {
  using Kind = ArgumentKind;
  return {
      {"names", Kind::kTextList, 1s, "null",
       "Names: example.com, *.example.com (below it), .example.com (it and below), /EXPRESSION/ (RE2); ^ excludes; all "
       "when absent",
       "none, it blocks the port"},
      {"types", Kind::kTextList, 1s, "null", "Record types: A, AAAA, MX, TYPE65 …; all when absent", "none"},
      {.name = "action",
       .kind = Kind::kWord,
       .fallback = "\"drop\"",
       .help =
           "What becomes of such a question: lost, delayed, or a false answer; fixed and random hit only A and AAAA",
       .gremlin = "none, it drops",
       .choices = {"drop", "delay", "nxdomain", "servfail", "refused", "fixed", "random"}},
      {"addresses", Kind::kAddressList, 1s, "null",
       "With action fixed: the addresses to answer with, one for each question", "none"},
      {"ttl", Kind::kDuration, 1s, "\"5s\"", "Time to live of a false answer, 0s to 7d", "none", 0, 604800},
      {"delay", Kind::kDuration, 1ms, "null", "With action delay: how long, 1ms to 60s", "none", 1e-3, 60},
  };
}

std::vector<ArgumentInfo> dns_arguments() {
  std::vector<ArgumentInfo> arguments = own_arguments();
  for (ArgumentInfo& argument : packets::traffic_arguments()) {
    if (argument.name == "port" || argument.name == "source_ports") continue;
    if (argument.name == "ports") argument.fallback = "53", argument.help = "The resolver's ports";
    if (argument.name == "device")
      argument.fallback = "\"any\"", argument.help = "One network device, or any: with lo, where a local resolver is";
    if (argument.name == "protocol") {
      argument.help = "udp, tcp or all; Gremlin's capitals are accepted too";
      argument.choices = {"udp", "tcp", "all", "UDP", "TCP"};
    }
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

AttackInfo describe_dns() {
  AttackInfo info;
  info.type = "dns";
  info.summary = "Blocks DNS, or answers chosen questions falsely, late or not at all.";
  info.arguments = dns_arguments();
  info.example =
      "name: checkout copes with an unknown payment host\n"
      "target: {type: container, name: shop}\n"
      "attack:\n"
      "  type: dns\n"
      "  args: {names: \"*.payments.example\", action: nxdomain}\n"
      "  length: 2m\n";
  info.hits_network = true;
  info.hits = Hits::kQuestions;
  info.step = StepKind::kOwned;
  info.mechanisms = {"nftables rules in an owned table, and a queue whose reader looks at the questions"};
  info.capabilities = {"CAP_NET_ADMIN in the victim's network namespace", "CAP_SYS_ADMIN to enter it",
                       "CAP_NET_RAW there, for chosen questions over UDP"};
  info.noticed =
      "questions for these names get no answer, or the one that is asked for; nothing where nobody asks, or where "
      "answers "
      "are kept from before";
  info.proof =
      "how many of the questions that were meant were hit, next to the kernel's count of the packets that were to be "
      "read (95 %), and at least one; without names, the packets dropped";
  info.judged = judged_packets();
  info.when_frozen =
      "DNS waits for up to 1 s, until the kernel's lease ends, and then works; what was asked by then waits until "
      "Ordeal resumes or is killed, and resolvers ask again";
  info.limits = {
      "only one run at a time can attack packets in a network namespace; a second is refused",
      "min_events does not count here: an answer is often kept by whoever asked, so little follows",
      "a name that the victim keeps in a cache of its own is not asked for, and so not hit",
      "over TCP the answer is changed in place: where a false one does not fit (a short answer), the real one passes "
      "and counts as missed; what is dropped keeps later answers of the same connection waiting",
      "over TCP answers are not read where the resolver's port is redirected (Docker's own resolver)",
      "with the target host Ordeal's own look-ups are hit, too: name its sources by address; \"hosts\" by name are "
      "refused there, and so is any attack at the same time whose hosts are names",
      "DNS over TLS or HTTPS is not read; a blackhole of its port hits it",
      "random addresses are those reserved for tests: 198.18.0.0/15 and 2001:db8::/32"};
  return info;
}

const AttackInfo& dns_info() {
  static const AttackInfo info = describe_dns();
  return info;
}

// Everything of the port is dropped, whatever it is.
bool is_whole_port(const Attack& attack) {
  return list_argument(attack, "names").empty() && list_argument(attack, "types").empty() &&
         text_argument(attack, "action") == "drop";
}

Result<Act> act_of(const Attack& attack) {
  Act act = deeds().at(text_argument(attack, "action")).act;
  act.ttl = static_cast<uint32_t>(duration_argument(attack, "ttl") / 1s);
  for (const std::string& text : list_argument(attack, "addresses")) {
    sys::Prefix address = TRY(sys::Prefix::parse(text));
    if (address.length != 8 * address.width()) return fail(Errc::kInvalidInput, text + " is a network");
    act.addresses.push_back(address);
  }
  return act;
}

std::string words_of(const Attack& attack) {
  auto names = list_argument(attack, "names"), types = list_argument(attack, "types");
  std::string text = deeds().at(text_argument(attack, "action")).words;
  text += types.empty() ? " questions" : fmt::format(" questions of type {}", join(types, ", "));
  text += names.empty() ? " for every name" : fmt::format(" for {}", join(names, ", "));
  if (text_argument(attack, "action") == "delay")
    text += fmt::format(" by {}", format_duration(duration_argument(attack, "delay")));
  return text;
}

Result<> check_partners(const Attack& attack) {
  std::string action = text_argument(attack, "action");
  bool fixed = action == "fixed", addresses = !list_argument(attack, "addresses").empty();
  if (fixed && !addresses) return refuse_field(attack, "args", "the action fixed needs \"addresses\"");
  if (!fixed && addresses) return refuse_field(attack, "args.addresses", "is for the action fixed only");
  bool delays = action == "delay", delay = duration_argument(attack, "delay") > Nanos(0);
  if (delays && !delay) return refuse_field(attack, "args", "the action delay needs \"delay\"");
  if (!delays && delay) return refuse_field(attack, "args.delay", "is for the action delay only");
  return {};
}

// On the host our own look-ups of them would be lost, or answered falsely, and then somebody else would be hit.
Result<> refuse_names(const Attack& attack) {
  packets::Traffic traffic = TRY(packets::read_traffic(attack));
  if (!traffic.looks_up()) return {};
  return fail(Errc::kRefused, "hosts by name cannot be looked up while the DNS of the host is attacked",
              "give their addresses");
}

class DnsFault : public PacketFault {
 public:
  const AttackInfo& info() const override { return dns_info(); }

  Usability usability(const host::Features& features) const override {
    Usability use = PacketFault::usability(features);
    if (use.usable && !features.can("CAP_NET_RAW")) use.limits = "chosen questions over TCP only (no CAP_NET_RAW)";
    return use;
  }

  Result<> check_arguments(const Attack& attack) const override {
    if (auto names = ChosenNames::parse(list_argument(attack, "names"), {}); !names)
      return refuse_field(attack, "args.names", names.error().what);
    if (auto types = ChosenNames::parse({}, list_argument(attack, "types")); !types)
      return refuse_field(attack, "args.types", types.error().what);
    if (auto act = act_of(attack); !act)
      return refuse_field(attack, "args.addresses", "expected whole addresses: " + act.error().what);
    return check_partners(attack);
  }

  Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack,
                                 const Protection& protection) const override {
    if (victim.kind == VictimKind::kHost) TRY_VOID(refuse_names(attack));
    auto steps = TRY(PacketFault::plan(victim, attack, protection));
    if (victim.kind != VictimKind::kHost) return steps;
    for (Step& step : steps) {
      step.claims.push_back(kAnswers);
      step.notes.push_back("not exempt: Ordeal's own look-ups of names; name its sources by address");
    }
    return steps;
  }

 protected:
  Result<PacketVerdict> verdict_of(const Attack& attack) const override {
    if (is_whole_port(attack)) return PacketVerdict{packets::Drop{}};
    auto names = TRY(ChosenNames::parse(list_argument(attack, "names"), list_argument(attack, "types")));
    auto reader =
        std::make_shared<Interceptor>(std::move(names), TRY(act_of(attack)), words_of(attack), Random::fresh_seed());
    return PacketVerdict{packets::Ask{std::move(reader), {duration_argument(attack, "delay")}}};
  }

  // Questions leave over UDP, and answers arrive over TCP.
  Result<std::vector<Direction>> directions_of(const Attack& attack) const override {
    std::string protocol = text_argument(attack, "protocol");
    if (protocol == "all" || is_whole_port(attack)) return std::vector{Direction::kArrival, Direction::kDeparture};
    bool udp = protocol == "udp" || protocol == "UDP";
    return std::vector{udp ? Direction::kDeparture : Direction::kArrival};
  }

  uint32_t mark_of(const Attack&) const override { return packets::PacketOptions{}.mark_bit; }

  ProvePackets prove() const override {
    return [](const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
      return asked.verdict.asked() ? prove_questions(asked, directions) : prove_blackhole(asked, directions);
    };
  }

  std::string act_in_words(const PacketVerdict& verdict) const override {
    if (auto* ask = verdict.asked()) return static_cast<const Interceptor&>(*ask->whom).words();
    return "drop all packets";
  }

  std::string undo_in_words() const override {
    return "the kernel removes the table when the guard's socket closes, and the lease expires after 1 s";
  }

  std::vector<std::string> notes(Direction) const override {
    return {
        "questions for other names are read and pass unchanged; names that the victim keeps in a cache are not asked"};
  }
};

}  // namespace

const Fault& dns_fault() {
  static const DnsFault fault;
  return fault;
}

}  // namespace ordeal::fault
