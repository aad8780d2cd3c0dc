#include "fault/attacks/network/bandwidth_proof.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "fault/attacks/network/rate_arguments.h"

namespace ordeal::fault {
namespace {

constexpr double kRateSlack = 0.03;
constexpr double kMostSlack = 0.1;
constexpr Nanos kLate = 2ms;  // the last packet of a time of waiting may go so much later, on a busy machine

Coverage shaped_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const packets::PacketTally& tally = seen.tally;
  double one = tally.rules_share();
  Coverage coverage{
      name_of(seen.direction), std::round(one * static_cast<double>(tally.stats.matched)), 0, "packets", {}};
  std::vector<std::string> missing;
  auto escaped = [&](uint64_t packets, const std::string& why, double share = 1) {
    if (packets == 0) return;
    coverage.missed += share * static_cast<double>(packets);
    missing.push_back(fmt::format("{} {}", packets, why));
  };
  escaped(tally.untaken(),
          "passed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses));
  escaped(tally.fragments, "are fragments that this kernel cannot reassemble, and passed");
  escaped(tally.stats.dropped_on_error,
          "were held and lost (their network device was removed, or somebody else removed "
          "a netfilter chain in the namespace)",
          one);
  coverage.missing = join(missing, "; ");
  return coverage;
}

std::string rate_measured(const PacketsSeen& seen, const Coverage& coverage) {
  const packets::PacketStats& stats = seen.tally.stats;
  std::string text = fmt::format("{} on {} over {:.1f} s in which packets waited ({} waited, {} dropped, of {})",
                                 rate_in_words(stats.busy.bits_per_second()), coverage.what,
                                 to_seconds(stats.busy.time()), stats.delayed, stats.dropped, stats.matched);
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

// "" when this direction is proven.
std::string rate_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  const packets::PacketStats& stats = seen.tally.stats;
  double rate = asked.verdict.shaped()->shaping.bits_per_second, got = stats.busy.bits_per_second();
  if (stats.matched == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (stats.delayed == 0 || stats.delayed < static_cast<uint64_t>(std::max<int64_t>(asked.min_events, 0)))
    return fmt::format(
        "only {} of {} packets had to wait on {}, {} are required (min_events): the traffic did not come up to {}",
        stats.delayed, stats.matched, coverage.what, std::max<int64_t>(asked.min_events, 1), rate_in_words(rate));
  double time = to_seconds(stats.busy.time());
  double slack = time > 0 ? kRateSlack + to_seconds(kLate) * static_cast<double>(stats.busy.periods()) / time : 1;
  if (slack > kMostSlack)
    return fmt::format("packets waited on {} for only {:.1f} ms, {} in all: too little traffic to measure {}",
                       coverage.what, 1e3 * time, counted(stats.busy.periods(), "time", "times"), rate_in_words(rate));
  if (std::abs(got / rate - 1) > slack)
    return fmt::format("{} on {} instead of the requested {}", rate_in_words(got), coverage.what, rate_in_words(rate));
  return {};
}

}  // namespace

Proof prove_bandwidth(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "kbit/s";
  proof.asked = asked.verdict.shaped()->shaping.bits_per_second / 1e3;
  return prove_each(std::move(proof), directions, [&](const PacketsSeen& seen) {
    Coverage coverage = shaped_of(asked, seen);
    return DirectionProof{coverage, rate_measured(seen, coverage), rate_lacking(asked, seen, coverage),
                          seen.tally.stats.busy.bits_per_second() / 1e3};
  });
}

}  // namespace ordeal::fault
