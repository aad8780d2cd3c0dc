// Which TCP connections an attack means, by the same arguments as packets. Pure.
#pragma once

#include <optional>
#include <set>
#include <vector>

#include "fault/packets/exemption.h"
#include "fault/packets/traffic.h"
#include "platform/sys/sockets/tcp_connections.h"

namespace ordeal::fault {

struct ChosenConnections {
  packets::Traffic traffic;                        // without a device
  std::vector<sys::Prefix> named, excluded_named;  // what its names stand for
  std::optional<std::set<uint64_t>> cgroups;       // of the sockets; nothing: all of the namespace
  std::vector<packets::Exemption> exemptions;

  bool means(const sys::TcpConnection& connection) const;
};

}  // namespace ordeal::fault
