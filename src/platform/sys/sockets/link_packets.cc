#include "platform/sys/sockets/link_packets.h"

#include <fmt/format.h>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::sys {

std::vector<LinkPackets> parse_link_packets(std::string_view text) {
  constexpr size_t kArrived = 1, kDeparted = 9, kColumns = 16;  // after the device's name
  std::vector<LinkPackets> links;
  for (std::string_view line : split(text, '\n')) {
    size_t colon = line.rfind(':');
    if (colon == std::string_view::npos) continue;
    auto words = split_words(line.substr(colon + 1), " \t");
    if (words.size() < kColumns) continue;
    auto arrived = parse_number<uint64_t>(words[kArrived]);
    auto departed = parse_number<uint64_t>(words[kDeparted]);
    if (arrived && departed) links.push_back({std::string(trim(line.substr(0, colon))), *arrived, *departed});
  }
  return links;
}

std::optional<std::vector<LinkPackets>> link_packets_beside(pid_t pid, const std::string& proc) {
  auto text = read_file(fmt::format("{}/{}/net/dev", proc, pid));
  if (!text) return std::nullopt;
  return parse_link_packets(*text);
}

}  // namespace ordeal::sys
