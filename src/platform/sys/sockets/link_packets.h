// How many packets the devices of a network namespace have carried, by what /proc says. Reads only.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal::sys {

struct LinkPackets {
  std::string device;
  uint64_t arrived = 0;
  uint64_t departed = 0;
};

// The text of /proc/PID/net/dev; what is no line of it is left out.
std::vector<LinkPackets> parse_link_packets(std::string_view text);
// Of the process's network namespace; nothing where that cannot be read.
std::optional<std::vector<LinkPackets>> link_packets_beside(pid_t pid, const std::string& proc = "/proc");

}  // namespace ordeal::sys
