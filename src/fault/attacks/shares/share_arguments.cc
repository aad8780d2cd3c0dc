#include "fault/attacks/shares/share_arguments.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::fault {

ArgumentInfo percent_argument(const std::string& verb, std::string fallback, std::string gremlin, double most) {
  return {.name = "percent",
          .kind = ArgumentKind::kPercent,
          .fallback = std::move(fallback),
          .help = fmt::format("Percentage of packets to {}, above 0 to {:g}", verb, most),
          .gremlin = std::move(gremlin),
          .least = 0.0001,
          .most = most};
}

ArgumentInfo correlation_argument() {
  return {.name = "correlation",
          .kind = ArgumentKind::kPercent,
          .fallback = "0",
          .help =
              "How much a packet's fate follows that of the one before it, 0 to 99: bursts, with the same "
              "percentage in all (netem and Chaos Mesh hit fewer the higher it is)",
          .gremlin = "none; Chaos Mesh's correlation",
          .least = 0,
          .most = 99};
}

packets::PacketVerdict share_of(const Attack& attack, decltype(packets::PacketVerdict::act) act) {
  packets::PacketVerdict verdict{act, number_argument(attack, "percent") / 100};
  double correlation = number_argument(attack, "correlation") / 100;
  if (correlation > 0 && verdict.share < 1) verdict.bursts = packets::Bursts::correlated(verdict.share, correlation);
  return verdict;
}

bool is_given(const Attack& attack, std::string_view argument) {
  return attack.given && std::find(attack.given->begin(), attack.given->end(), argument) != attack.given->end();
}

std::string share_in_words(const packets::PacketVerdict& verdict) {
  std::string text = fmt::format("{:.4g} % of the packets", 100 * verdict.share);
  if (verdict.bursts) text += fmt::format(", in bursts of {:.3g} in the mean", verdict.bursts->mean_length());
  return text;
}

std::string merged_packets(const std::string& fate) {
  return fmt::format(
      "packets merged by the kernel or the NIC (GRO, TSO) are drawn as one, and {} as a whole; with bursts, where "
      "Ordeal "
      "must read them (corrupt, duplicate, reorder on departure), each segment is drawn",
      fate);
}

}  // namespace ordeal::fault
