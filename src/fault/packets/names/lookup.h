// Host names as addresses, by the resolver of this host. It may wait for a resolver for many seconds: never on the
// guard's own thread (NameWatch).
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "fault/packets/traffic.h"
#include "platform/sys/network/packet.h"

namespace ordeal::packets {

// Each once, in the resolver's order. kNotFound when there is none.
Result<std::vector<sys::Prefix>> addresses_of(const std::string& name);

// What the names of the traffic are now, a sentence for each.
Result<std::vector<std::string>> names_in_words(const Traffic& traffic);

}  // namespace ordeal::packets
