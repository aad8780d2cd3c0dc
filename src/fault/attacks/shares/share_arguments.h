// What attacks on a share of the packets have in common: the share, and how it is drawn.
#pragma once

#include <string>

#include "core/model/input/attack.h"
#include "fault/packets/packet_verdict.h"

namespace ordeal::fault {

// `percent`, above 0 to `most`; `verb` is what is done to them.
ArgumentInfo percent_argument(const std::string& verb, std::string fallback, std::string gremlin, double most = 100);
// `correlation`.
ArgumentInfo correlation_argument();
// `act` for the share that `percent` and `correlation` ask for.
packets::PacketVerdict share_of(const Attack& attack, decltype(packets::PacketVerdict::act) act);
// Whether somebody gave it a value other than the default.
bool is_given(const Attack& attack, std::string_view argument);

// "5 % of the packets", and of bursts how long they are.
std::string share_in_words(const packets::PacketVerdict& verdict);

// What becomes of merged packets, for an attack's limits.
std::string merged_packets(const std::string& fate);

}  // namespace ordeal::fault
