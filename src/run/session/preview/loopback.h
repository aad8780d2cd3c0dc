// What a rule on packets misses when nobody names `device: lo`: listeners that are reached over loopback alone.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/model/input/attack.h"
#include "core/model/victim.h"
#include "platform/sys/sockets/listeners.h"

namespace ordeal::session {

// Those of `sockets` that the attack means and cannot reach: by the ports that it names; where it names none, by
// `own`, the inodes of the victim's sockets. A port that is also served on another address is reached. Pure.
std::vector<sys::ListeningSocket> missed_on_loopback(const Attack& attack,
                                                     const std::vector<sys::ListeningSocket>& sockets,
                                                     const std::set<uint64_t>& own);

// A sentence for each on this host, as it is now, with what to write; none for an attack that is not on packets' way.
std::vector<std::string> loopback_warnings(const Attack& attack, const std::vector<Victim>& victims);

}  // namespace ordeal::session
