// certificate_expiry: whether the certificates that servers show stay valid for long enough. It looks, and changes
// nothing: there is no victim, no guard, and no impact to prove.
#include <fmt/format.h>

#include "fault/attacks/faults.h"

namespace ordeal::fault {
namespace {

AttackInfo describe_expiry() {
  AttackInfo info;
  info.type = "certificate_expiry";
  info.summary = "Looks whether the TLS certificates of servers stay valid long enough; it changes nothing.";
  info.arguments = {
      {.name = "hosts",
       .kind = ArgumentKind::kHostList,
       .fallback = "null",
       .help = "Whose certificates: host names or addresses; these or `ips` are needed.",
       .gremlin = "-h"},
      {.name = "ips",
       .kind = ArgumentKind::kAddressList,
       .fallback = "null",
       .help = "Whose certificates: addresses; these or `hosts` are needed.",
       .gremlin = "-i; no networks here: each server is named"},
      {.name = "port",
       .kind = ArgumentKind::kInteger,
       .fallback = "443",
       .help = "The port of TLS on each of them, 1-65535.",
       .gremlin = "-p, of which Gremlin picks one of several at random; here it is one",
       .least = 1,
       .most = 65535},
      {.name = "hours",
       .kind = ArgumentKind::kInteger,
       .fallback = "720",
       .help = "How many hours each certificate of the chain must still be valid, 0 to 876000.",
       .gremlin = "-n, --not-less-than.",
       .least = 0,
       .most = 876000},
      {.name = "server_name",
       .kind = ArgumentKind::kText,
       .fallback = "null",
       .help = "The name that is asked for (SNI) and looked for in the certificate; the host when absent.",
       .gremlin = ""},
      {.name = "family",
       .kind = ArgumentKind::kWord,
       .fallback = "\"any\"",
       .help = "Over which IP a host name is reached",
       .gremlin = "",
       .choices = {"any", "ipv4", "ipv6"}},
  };
  info.only_looks = true;
  info.mechanisms = {"a TLS handshake with each server"};
  info.capabilities = {"none"};
  info.proof =
      "the dates of every certificate of the chain that the server showed in a complete TLS handshake: the first to "
      "expire counts. Without a handshake the run never ends as held";
  info.noticed = "nothing: it changes nothing";
  info.judged = "nobody: nothing is changed, so that `target` names nobody either; the look is from this host";
  info.when_frozen = "nothing: it changes nothing";
  info.limits = {
      "no TLS at all, no answer within 5 s, and a chain that cannot be read are deviations (Gremlin lets a server "
      "without TLS pass); a name that does not resolve is inconclusive",
      "where a name is asked for, a certificate for another one is a deviation, whatever its dates; for a bare address "
      "it is only said, as is a self-signed one. Who issued it is not checked, nor is an authority that the server "
      "does "
      "not send",
      "the dates are compared with this host's clock, which nobody checks: one that is behind takes an expired "
      "certificate for a valid one; that the kernel calls it unsynchronised is said with the result",
      "TLS from the first byte, 1.2 or newer: none that begins in plain text (STARTTLS); a server that insists on a "
      "client's certificate under TLS 1.2 completes no handshake",
      "it ends as soon as each certificate was seen to be valid long enough, at the latest after its length"};
  info.example =
      "name: no certificate of the payment service expires within a month\n"
      "target: {type: host}\n"
      "attack:\n"
      "  type: certificate_expiry\n"
      "  args: {hosts: payments.example.com, hours: 720}\n"
      "  length: 10s\n";
  return info;
}

const AttackInfo& expiry_info() {
  static const AttackInfo info = describe_expiry();
  return info;
}

std::vector<std::string> servers_of(const Attack& attack) {
  std::vector<std::string> servers = list_argument(attack, "hosts");
  for (std::string& address : list_argument(attack, "ips")) servers.push_back(std::move(address));
  return servers;
}

Unexpected no_victims() {
  return fail(Errc::kRefused, "certificate_expiry hits nobody: it only looks",
              "`ordeal run` looks from this host, without a guard");
}

Result<> check_server(const Attack& attack, const char* argument, const std::string& server) {
  std::string field = fmt::format("args.{}", argument), family = text_argument(attack, "family");
  if (!is_plain_host(server))
    return refuse_field(attack, field, fmt::format("expected a single server, found \"{}\"", server));
  if (is_of_family(server, family)) return {};
  return refuse_field(attack, field, fmt::format("expected a name, or an address of {}, found \"{}\"", family, server));
}

class CertificateExpiryFault : public Fault {
 public:
  const AttackInfo& info() const override { return expiry_info(); }

  Usability usability(const host::Features&) const override { return {true, info().mechanisms[0], "", ""}; }

  Result<> check_arguments(const Attack& attack) const override {
    std::vector<std::string> servers = servers_of(attack);
    if (servers.empty()) return refuse_field(attack, "args", "\"hosts\" or \"ips\" is missing: whose certificates?");
    for (const char* name : {"hosts", "ips"})
      for (const std::string& server : list_argument(attack, name)) TRY_VOID(check_server(attack, name, server));
    std::string server_name = text_argument(attack, "server_name");
    if (server_name.empty() || is_plain_host(server_name)) return {};
    return refuse_field(attack, "args.server_name", fmt::format("expected a host name, found \"{}\"", server_name));
  }

  std::vector<Expectation> looks(const Attack& attack) const override {
    std::vector<Expectation> all;
    for (const std::string& server : servers_of(attack)) {
      CertificateProbe probe{server, static_cast<uint16_t>(number_argument(attack, "port")),
                             text_argument(attack, "server_name"), text_argument(attack, "family")};
      Expectation expectation;
      expectation.name = "certificates of " + probe.address();
      expectation.condition = fmt::format("result >= {}", number_argument(attack, "hours"));
      expectation.no_data = NoData::kBreach;
      expectation.certificate = std::move(probe);
      all.push_back(std::move(expectation));
    }
    return all;
  }

  Result<std::vector<Step>> plan(const Victim&, const Attack&, const Protection&) const override {
    return no_victims();
  }

  Result<std::unique_ptr<Impact>> apply(const Victim&, const Attack&, const Context&) const override {
    return no_victims();
  }
};

}  // namespace

const Fault& certificate_expiry_fault() {
  static const CertificateExpiryFault fault;
  return fault;
}

}  // namespace ordeal::fault
