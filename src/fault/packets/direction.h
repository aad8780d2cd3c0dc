// Which packets of a victim: those that arrive, or those that leave.
#pragma once

namespace ordeal::packets {

enum class Direction { kArrival, kDeparture };

}  // namespace ordeal::packets
