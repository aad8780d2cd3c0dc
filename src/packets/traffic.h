// Traffic: which packets of a network namespace an attack means, from its arguments, as nftables rules. Arguments keep
// Gremlin's meaning: `ports` are remote, `source_ports` local, `^` excludes; `port` (the brief's) is either side.
// Pure but for the look-up of host names.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/attack.h"
#include "packets/exemption.h"
#include "sys/nft.h"

namespace ordeal::packets {

enum class Way { kArrival, kDeparture };

// A cgroup v2 that the sockets must belong to; for victims that share their network namespace.
struct SocketScope {
  uint32_t level = 0;
  uint64_t id = 0;
};

struct Traffic {
  struct Ports {
    enum class Side { kLocal, kRemote, kEither };
    Side side;
    uint16_t first, last;
    bool excluded = false;
  };
  std::vector<Ports> ports;
  std::vector<sys::Prefix> remotes;
  std::vector<sys::Prefix> excluded_remotes;
  std::vector<uint8_t> protocols;  // empty: all
  std::string device;              // "": every one but lo
  std::optional<SocketScope> scope;
};

// The arguments that every network attack shares.
std::vector<ArgumentInfo> traffic_arguments();
// kInvalidInput for what is no address, port or protocol; kNotFound for a host name that does not resolve.
Result<Traffic> read_traffic(const Attack& attack);
// "TCP, port 8000, from 10.0.0.0/8"
std::string describe(const Traffic& traffic);

// The rules of one chain: what is left alone first, then what is handed to `number`. Every packet matches once.
std::vector<sys::Rule> traffic_rules(const Traffic& traffic, Way way, const std::vector<Exemption>& exemptions,
                                     uint16_t number);

}  // namespace ordeal::packets
