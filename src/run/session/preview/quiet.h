// Quiet: why an attack may not be noticed, by what is cheap to read before it: ports that no socket has, fewer packets
// than prove anything, a load that idle CPUs take. Each is a bound, as of now: traffic may come later, and what is not
// mentioned here may go unnoticed all the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/input/attack.h"
#include "core/model/victim.h"
#include "fault/attacks/fault.h"
#include "platform/sys/sockets/listeners.h"

namespace ordeal::session {

// Looks at the victims for 0.2 s where the attack is one on packets or CPUs; at one of those that share a network
// namespace.
std::vector<std::string> quiet_warnings(const AttackInfo& info, const Attack& attack,
                                        const std::vector<Victim>& victims, const std::vector<fault::Demand>& demands);

// The parts, pure. The ports that the attack names, when no socket has any of them; "" when one has, or none is named.
std::string unused_ports(const Attack& attack, const std::vector<sys::SocketPorts>& sockets);
// How many packets prove it; nothing where they are not what is counted.
std::optional<int64_t> packets_needed(const AttackInfo& info, const Attack& attack);
// Of `packets` seen in so long, whatever their port: why so many are too few for the attack; "" when they are not.
std::string too_few_packets(const Attack& attack, int64_t needed, double packets, Nanos seen_for);
// "" when the load is more than what is idle.
std::string taken_by_idle(double asked, double idle, double there);

}  // namespace ordeal::session
