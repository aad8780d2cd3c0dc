// Traffic: which packets of a network namespace an attack means, from its arguments, as nftables rules. Arguments keep
// Gremlin's meaning: `ports` are remote, `source_ports` local, `^` excludes; `port` is either side.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/input/attack.h"
#include "fault/packets/direction.h"
#include "fault/packets/exemption.h"
#include "fault/packets/packet_verdict.h"
#include "platform/sys/network/nft.h"

namespace ordeal::packets {

// A cgroup v2 that the sockets must belong to.
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
  // Host names: their addresses come into the table's sets while the attack is in force.
  std::vector<std::string> names;
  std::vector<std::string> excluded_names;
  bool looks_up() const { return !names.empty() || !excluded_names.empty(); }
  std::vector<uint8_t> protocols;  // empty: all
  std::string device;              // "": every one but lo
  bool loopback_too = false;       // then also lo
  uint32_t link = 0;               // the device's index, so that a new name does not end the attack
  std::optional<SocketScope> scope;
  bool alone = false;  // nobody but the victim lives in the namespace
  // ICMP belongs to no socket: with a scope it is meant only where all of it is the victim's.
  bool means_icmp_besides() const;
  // Only whole packets are meant. A part of one that comes all the same passes, and is counted: held alone, or passed
  // while its other parts are held, it would fill the kernel's memory for reassembly and lose the whole.
  bool whole_packets = false;
  // The rules read what only the first part of a fragmented packet has: ports, or the socket found by them.
  bool reads_ports() const { return !ports.empty() || scope.has_value(); }
};

// The comment that names these rules' counters.
constexpr const char* kFragmentRule = "fragments pass";

// The arguments that every network attack shares.
std::vector<ArgumentInfo> traffic_arguments();
// kInvalidInput for what is no address, port or protocol.
Result<Traffic> read_traffic(const Attack& attack);
// "TCP, port 8000, from 10.0.0.0/8"
std::string describe(const Traffic& traffic);

// The rules of one chain: what is left alone first, then what the verdict is for; `queue` where it needs one. Every
// packet matches once.
std::vector<sys::Rule> traffic_rules(const Traffic& traffic, Direction direction,
                                     const std::vector<Exemption>& exemptions, const PacketVerdict& verdict,
                                     std::optional<uint16_t> queue);
// The same packets, only counted.
std::vector<sys::Rule> witness_rules(const Traffic& traffic, Direction direction,
                                     const std::vector<Exemption>& exemptions);

}  // namespace ordeal::packets
