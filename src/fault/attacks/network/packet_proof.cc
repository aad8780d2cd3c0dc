#include "fault/attacks/network/packet_proof.h"

#include <fmt/format.h>

namespace ordeal::fault {

std::string lapses_in_words(int lapses) {
  return lapses > 0 ? fmt::format(" (the kernel's lease ran out {} times: a busy machine)", lapses) : "";
}

std::string nothing_matched(const PacketsAsked& asked, const PacketsSeen& seen) {
  return fmt::format("no packet matched on {} ({}): check the port, the hosts and the protocol",
                     name_of(seen.direction), asked.traffic);
}

}  // namespace ordeal::fault
