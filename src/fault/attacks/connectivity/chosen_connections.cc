#include "fault/attacks/connectivity/chosen_connections.h"

#include <algorithm>

namespace ordeal::fault {
namespace {

using packets::Traffic;
using sys::Prefix;
using sys::TcpConnection;

bool holds(const Prefix& prefix, const Prefix& address) {
  if (prefix.family != address.family) return false;
  auto mask = prefix.mask();
  for (size_t i = 0; i < prefix.width(); ++i)
    if ((address.address[i] & mask[i]) != prefix.address[i]) return false;
  return true;
}

bool any_holds(const std::vector<Prefix>& prefixes, const Prefix& address) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& one) { return holds(one, address); });
}

bool within(const Traffic::Ports& ports, const TcpConnection& connection) {
  auto in = [&](uint16_t port) { return ports.first <= port && port <= ports.last; };
  bool local = ports.side != Traffic::Ports::Side::kRemote && in(connection.local_port);
  bool remote = ports.side != Traffic::Ports::Side::kLocal && in(connection.remote_port);
  return local || remote;
}

bool port_meant(const Traffic& traffic, const TcpConnection& connection) {
  bool any = false, hit = false;
  for (const Traffic::Ports& ports : traffic.ports) {
    bool in = within(ports, connection);
    if (ports.excluded && in) return false;
    any = any || !ports.excluded;
    hit = hit || (in && !ports.excluded);
  }
  return hit || !any;
}

bool remote_meant(const ChosenConnections& chosen, const Prefix& remote) {
  const Traffic& traffic = chosen.traffic;
  if (any_holds(traffic.excluded_remotes, remote) || any_holds(chosen.excluded_named, remote)) return false;
  bool any = traffic.remotes.empty() && traffic.names.empty();
  return any || any_holds(traffic.remotes, remote) || any_holds(chosen.named, remote);
}

struct End {
  const Prefix& address;
  uint16_t port;
};

bool is_end(const std::string& address, uint16_t first, uint16_t last, const End& end) {
  auto wanted = Prefix::parse(address);
  if (wanted && !holds(*wanted, end.address)) return false;
  return first == 0 || (first <= end.port && end.port <= last);
}

bool is_exempt(const packets::Exemption& exemption, const TcpConnection& connection) {
  End local{connection.local, connection.local_port}, remote{connection.remote, connection.remote_port};
  auto between = [&](const End& watcher, const End& watched) {
    return is_end(exemption.address, exemption.first_port, exemption.last_port, watcher) &&
           is_end(exemption.remote, exemption.remote_port, exemption.remote_port, watched);
  };
  return between(local, remote) || between(remote, local);
}

}  // namespace

bool ChosenConnections::means(const TcpConnection& connection) const {
  if (connection.loopback() && !traffic.loopback_too) return false;
  bool ours = !cgroups || (connection.cgroup != 0 && cgroups->count(connection.cgroup) != 0);
  if (!ours) return false;
  for (const packets::Exemption& exemption : exemptions)
    if (is_exempt(exemption, connection)) return false;
  return port_meant(traffic, connection) && remote_meant(*this, connection.remote);
}

}  // namespace ordeal::fault
