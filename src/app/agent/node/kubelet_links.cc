#include "app/agent/node/kubelet_links.h"

#include <algorithm>

#include "platform/sys/sockets/listeners.h"

namespace ordeal::agent {
namespace {

// Of distributions that run the kubelet within a program of their own, too.
bool is_kubelet(const sys::Process& process) {
  const std::string& name = process.comm;
  return process.alive() && (name == "kubelet" || name == "kubelite" || name.starts_with("k3s") ||
                             name.starts_with("rke2") || name.starts_with("k0s"));
}

bool is_probed(const std::string& address, const std::vector<cluster::Pod>& pods) {
  return std::any_of(pods.begin(), pods.end(),
                     [&](const cluster::Pod& pod) { return !pod.host_network && pod.ip == address; });
}

void add_ports(const std::vector<sys::ListeningSocket>& sockets, const std::set<uint64_t>& held,
               std::vector<packets::Exemption>& exemptions) {
  for (const sys::ListeningSocket& socket : sockets) {
    if (held.count(socket.inode) == 0) continue;
    packets::Exemption exemption;
    exemption.first_port = exemption.last_port = socket.port;
    exemption.why = "calls of the kubelet";
    exemptions.push_back(std::move(exemption));
  }
}

// How many connections stand.
size_t add_connections(const std::vector<sys::ListeningSocket>& sockets, const std::set<uint64_t>& held,
                       const std::vector<cluster::Pod>& pods, std::vector<packets::Exemption>& exemptions) {
  size_t found = 0;
  for (const sys::ListeningSocket& socket : sockets) {
    if (held.count(socket.inode) == 0 || is_probed(socket.address, pods)) continue;
    packets::Exemption exemption;
    exemption.remote = socket.address;
    exemption.remote_port = socket.port;
    exemption.why = "the kubelet's connections";
    exemptions.push_back(std::move(exemption));
    ++found;
  }
  return found;
}

}  // namespace

Result<std::vector<packets::Exemption>> exempt_kubelet(const target::Snapshot& snapshot,
                                                       const std::vector<cluster::Pod>& pods, const std::string& proc) {
  std::vector<packets::Exemption> exemptions;
  size_t connections = 0;
  for (const sys::Process& process : snapshot.processes) {
    if (!is_kubelet(process)) continue;
    auto held = sys::sockets_of(process.pid, proc);
    add_ports(sys::listening_beside(process.pid, proc), held, exemptions);
    connections += add_connections(sys::connected_beside(process.pid, proc), held, pods, exemptions);
  }
  if (connections > 0) return exemptions;
  return fail(Errc::kRefused,
              "a network fault would cut off the kubelet, of which no connection to the API server is found here",
              "the agent needs hostPID, and a kubelet that is connected");
}

}  // namespace ordeal::agent
