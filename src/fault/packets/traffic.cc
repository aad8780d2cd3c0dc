#include "fault/packets/traffic.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "core/base/text/text.h"

namespace ordeal::packets {
namespace {

using Ports = Traffic::Ports;

struct Protocol {
  const char* name;
  std::vector<uint8_t> numbers;
};
const std::array<Protocol, 4> kProtocols{
    {{"tcp", {IPPROTO_TCP}}, {"udp", {IPPROTO_UDP}}, {"icmp", {IPPROTO_ICMP, IPPROTO_ICMPV6}}, {"all", {}}}};

Result<std::vector<uint8_t>> read_protocol(const std::string& given) {
  std::string name = given;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Protocol& protocol : kProtocols)
    if (name == protocol.name) return protocol.numbers;
  return fail(Errc::kInvalidInput,
              fmt::format("attack.args.protocol: expected tcp, udp, icmp or all, found \"{}\"", given));
}

Ports read_ports(std::string_view text, Ports::Side side) {
  bool excluded = text.starts_with('^');
  if (excluded) text.remove_prefix(1);
  std::vector<std::string_view> ends = split(text, '-');
  return Ports{side, *parse_number<uint16_t>(ends.front()), *parse_number<uint16_t>(ends.back()), excluded};
}

void read_remotes(const std::vector<std::string>& given, Traffic& traffic) {
  for (const std::string& item : given) {
    bool excluded = item.starts_with('^');
    std::string host = item.substr(excluded);
    auto prefix = sys::Prefix::parse(host);
    if (prefix)
      (excluded ? traffic.excluded_remotes : traffic.remotes).push_back(*prefix);
    else
      (excluded ? traffic.excluded_names : traffic.names).push_back(std::move(host));
  }
}

using sys::Rule;

// On arrival the remote end is the source, on departure the destination.
void match_address(Rule& rule, Direction direction, bool remote, const sys::Prefix& prefix) {
  bool source = (direction == Direction::kArrival) == remote;
  source ? rule.source(prefix) : rule.destination(prefix);
}
void match_names(Rule& rule, Direction direction, sys::AddressSet set, int family) {
  direction == Direction::kArrival ? rule.source_in(set, family) : rule.destination_in(set, family);
}
void match_port(Rule& rule, Direction direction, bool remote, uint16_t first, uint16_t last) {
  bool source = (direction == Direction::kArrival) == remote;
  source ? rule.source_port(first, last) : rule.destination_port(first, last);
}

// Every combination of protocol and side that a port range means.
std::vector<Rule> port_rules(const Ports& ports, const std::vector<uint8_t>& protocols, Direction direction,
                             const std::string& comment) {
  std::vector<Rule> rules;
  for (uint8_t protocol : protocols)
    for (bool remote : {false, true}) {
      bool meant = ports.side == Ports::Side::kEither || remote == (ports.side == Ports::Side::kRemote);
      if (!meant || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)) continue;
      Rule rule(comment);
      rule.protocol(protocol);
      match_port(rule, direction, remote, ports.first, ports.last);
      rules.push_back(std::move(rule));
    }
  return rules;
}

std::vector<uint8_t> with_ports(const Traffic& traffic) {
  if (traffic.protocols.empty()) return {IPPROTO_TCP, IPPROTO_UDP};
  return traffic.protocols;
}

// `here`: the watcher itself lives in the victim's namespace, so it is the local end; else what it watches is.
Rule exemption_rule(const Exemption& exemption, Direction direction, bool here) {
  Rule rule("exempt");
  rule.protocol(IPPROTO_TCP);
  if (auto watcher = sys::Prefix::parse(exemption.address)) match_address(rule, direction, !here, *watcher);
  if (auto watched = sys::Prefix::parse(exemption.remote)) match_address(rule, direction, here, *watched);
  if (exemption.first_port) match_port(rule, direction, !here, exemption.first_port, exemption.last_port);
  if (exemption.remote_port) match_port(rule, direction, here, exemption.remote_port, exemption.remote_port);
  rule.leave();
  return rule;
}

void add_excluded_hosts(const Traffic& traffic, Direction direction, std::vector<Rule>& rules) {
  for (const sys::Prefix& prefix : traffic.excluded_remotes) {
    Rule rule("excluded host");
    match_address(rule, direction, true, prefix);
    rules.push_back(std::move(rule.leave()));
  }
  if (traffic.excluded_names.empty()) return;
  for (int family : {AF_INET, AF_INET6}) {
    Rule rule("excluded name");
    match_names(rule, direction, sys::AddressSet::kSpared, family);
    rules.push_back(std::move(rule.leave()));
  }
}

void add_excluded_ports(const Traffic& traffic, Direction direction, std::vector<Rule>& rules) {
  for (const Ports& ports : traffic.ports)
    if (ports.excluded)
      for (Rule& rule : port_rules(ports, with_ports(traffic), direction, "excluded port"))
        rules.push_back(std::move(rule.leave()));
}

// One rule per way to be meant, without remotes and verdict yet.
std::vector<Rule> by_protocol(const Traffic& traffic, const char* comment) {
  if (traffic.protocols.empty()) return {Rule(comment)};
  std::vector<Rule> rules;
  for (uint8_t protocol : traffic.protocols) {
    Rule rule(comment);
    rules.push_back(std::move(rule.protocol(protocol)));
  }
  return rules;
}

// Whole packets to or from a socket of the victim's, or anybody's where there is no scope.
std::vector<Rule> chosen(const Traffic& traffic, Direction direction, const char* comment) {
  std::vector<Rule> rules;
  bool any_port = false;
  for (const Ports& ports : traffic.ports) {
    if (ports.excluded) continue;
    any_port = true;
    for (Rule& rule : port_rules(ports, with_ports(traffic), direction, comment)) rules.push_back(std::move(rule));
  }
  if (!any_port) rules = by_protocol(traffic, comment);
  if (traffic.scope)
    for (Rule& rule : rules) rule.cgroup(traffic.scope->level, traffic.scope->id);
  if (traffic.means_icmp_besides())
    for (uint8_t protocol : std::initializer_list<uint8_t>{IPPROTO_ICMP, IPPROTO_ICMPV6}) {
      Rule rule(comment);
      rules.push_back(std::move(rule.protocol(protocol).withdrawable()));
    }
  return rules;
}

// Each rule with each of the remotes.
std::vector<Rule> with_remotes(const std::vector<Rule>& rules, const Traffic& traffic, Direction direction) {
  if (traffic.remotes.empty() && traffic.names.empty()) return rules;
  std::vector<Rule> all;
  for (const Rule& rule : rules) {
    for (const sys::Prefix& prefix : traffic.remotes) {
      all.push_back(rule);
      match_address(all.back(), direction, true, prefix);
    }
    if (traffic.names.empty()) continue;
    for (int family : {AF_INET, AF_INET6}) {
      all.push_back(rule);
      match_names(all.back(), direction, sys::AddressSet::kMeant, family);
    }
  }
  return all;
}

void add_other_devices(const Traffic& traffic, Direction direction, std::vector<Rule>& rules) {
  if (traffic.loopback_too) return;
  bool arrival = direction == Direction::kArrival;
  Rule rule("other devices");
  if (traffic.device.empty())
    arrival ? rule.in_loopback() : rule.out_loopback();
  else if (traffic.link != 0)
    arrival ? rule.in_link(traffic.link, false) : rule.out_link(traffic.link, false);
  else
    arrival ? rule.in_device(traffic.device, false) : rule.out_device(traffic.device, false);
  rules.push_back(std::move(rule.leave()));
}

void add_fragments(const Traffic& traffic, Direction direction, bool counted, std::vector<Rule>& rules) {
  for (const Rule& meant : with_remotes(by_protocol(traffic, kFragmentRule), traffic, direction))
    for (int family : {AF_INET, AF_INET6}) {
      Rule rule = meant;
      rule.fragment(family);
      if (counted) rule.counter();
      rules.push_back(std::move(rule.leave()));
    }
}

// What the verdict is for, and of a share of it the rest, which leaves.
void add_meant(const Traffic& traffic, Direction direction, const PacketVerdict& verdict, std::optional<uint16_t> queue,
               std::vector<Rule>& rules) {
  auto meant = [&](const char* comment) {
    return with_remotes(chosen(traffic, direction, comment), traffic, direction);
  };
  std::vector<Rule> hit = meant(rule_name(verdict)), spared = meant(kSparedRule);
  for (size_t i = 0; i < hit.size(); ++i) {
    finish(hit[i], verdict, direction, queue);
    rules.push_back(std::move(hit[i]));
    if (verdict.drawn_by_kernel()) rules.push_back(std::move(spared[i].counter().leave()));
  }
}

std::string port_text(const Ports& ports) {
  constexpr const char* kSides[] = {"local port", "remote port", "port"};
  std::string range =
      ports.first == ports.last ? std::to_string(ports.first) : fmt::format("{}-{}", ports.first, ports.last);
  return fmt::format("{}{} {}", ports.excluded ? "not " : "", kSides[static_cast<size_t>(ports.side)], range);
}

}  // namespace

std::vector<ArgumentInfo> traffic_arguments() {
  using Kind = ArgumentKind;
  return {
      {"port", Kind::kPortList, 1s, "null", "Ports on either side of a connection, 1-65535, ranges allowed",
       "not Gremlin's: its ports are remote or local"},
      {"ports", Kind::kPortList, 1s, "null", "Remote ports; ^ excludes", "-p, whose default ^53 we do not add"},
      {"source_ports", Kind::kPortList, 1s, "null", "Local ports; ^ excludes", "-n/-s"},
      {"hosts", Kind::kHostList, 1s, "null",
       "Remote host names (looked up again every 2 s), addresses or networks; ^ excludes", "-h"},
      {"ips", Kind::kAddressList, 1s, "null", "Remote addresses or networks (10.0.0.0/8); ^ excludes", "-i"},
      {.name = "protocol",
       .kind = Kind::kWord,
       .fallback = "\"all\"",
       .help = "tcp, udp, icmp (with ICMPv6) or all; Gremlin's capitals are accepted too",
       .gremlin = "-P",
       .choices = {"tcp", "udp", "icmp", "all", "TCP", "UDP", "ICMP"}},
      {"device", Kind::kText, 1s, "null", "One network device, or any; lo is exempt unless it is named here, or any",
       "-d"},
  };
}

Result<Traffic> read_traffic(const Attack& attack) {
  Traffic traffic;
  traffic.protocols = TRY(read_protocol(text_argument(attack, "protocol")));
  for (auto [name, side] : {std::pair{"port", Ports::Side::kEither},
                            {"ports", Ports::Side::kRemote},
                            {"source_ports", Ports::Side::kLocal}})
    for (const std::string& item : list_argument(attack, name)) traffic.ports.push_back(read_ports(item, side));
  for (const char* name : {"hosts", "ips"}) read_remotes(list_argument(attack, name), traffic);
  traffic.device = text_argument(attack, "device");
  traffic.loopback_too = traffic.device == "any";
  if (traffic.loopback_too) traffic.device.clear();
  return traffic;
}

bool Traffic::means_icmp_besides() const {
  bool any_port = std::any_of(ports.begin(), ports.end(), [](const Ports& some) { return !some.excluded; });
  return scope.has_value() && alone && protocols.empty() && !any_port;
}

std::string describe(const Traffic& traffic) {
  std::vector<std::string> parts;
  for (const Protocol& protocol : kProtocols)
    if (protocol.numbers == traffic.protocols)
      parts.push_back(traffic.protocols.empty() ? "every protocol" : protocol.name);
  for (const Ports& ports : traffic.ports) parts.push_back(port_text(ports));
  for (const sys::Prefix& prefix : traffic.remotes) parts.push_back("remote " + prefix.to_text());
  for (const std::string& name : traffic.names) parts.push_back("remote " + name);
  for (const std::string& name : traffic.excluded_names) parts.push_back("not remote " + name);
  for (const sys::Prefix& prefix : traffic.excluded_remotes) parts.push_back("not remote " + prefix.to_text());
  std::string every = traffic.loopback_too ? "every device" : "every device but lo";
  parts.push_back(traffic.device.empty() ? every : "device " + traffic.device);
  return join(parts, ", ");
}

std::vector<Rule> traffic_rules(const Traffic& traffic, Direction direction, const std::vector<Exemption>& exemptions,
                                const PacketVerdict& verdict, std::optional<uint16_t> queue) {
  std::vector<Rule> rules;
  add_other_devices(traffic, direction, rules);
  for (const Exemption& exemption : exemptions)
    for (bool here : {false, true}) rules.push_back(exemption_rule(exemption, direction, here));
  add_excluded_hosts(traffic, direction, rules);
  bool only_counted = std::holds_alternative<Pass>(verdict.act);
  if (traffic.whole_packets) add_fragments(traffic, direction, only_counted, rules);
  add_excluded_ports(traffic, direction, rules);
  add_meant(traffic, direction, verdict, queue, rules);
  return rules;
}

std::vector<Rule> witness_rules(const Traffic& traffic, Direction direction, const std::vector<Exemption>& exemptions) {
  return traffic_rules(traffic, direction, exemptions, PacketVerdict{Pass{}}, std::nullopt);
}

}  // namespace ordeal::packets
