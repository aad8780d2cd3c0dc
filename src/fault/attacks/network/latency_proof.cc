#include "fault/attacks/network/latency_proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

using packets::PacketTally;

// What became of the packets that were meant and were not delayed and delivered, a cause each.
struct Cause {
  uint64_t packets;
  std::string text;
};

std::vector<Cause> causes_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const PacketTally& tally = seen.tally;
  std::string lapsed =
      "passed undelayed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses);
  std::string lost = seen.direction == packets::Direction::kArrival
                         ? "were held and lost (their network device was removed, or somebody else removed a netfilter "
                           "chain in the namespace)"
                         : "were lost when they were re-sent (dropped by another rule, perhaps one on our mark, or "
                           "their device is gone)";
  std::vector<Cause> all{
      {tally.untaken(), lapsed},
      {tally.stats.passed_over_bound, "passed undelayed because 64 MiB were held"},
      {tally.fragments, "are fragments that this kernel cannot reassemble, and passed undelayed"},
      {tally.foreign, fmt::format("passed undelayed because the victim marks them with 0x{:x}, as we do", asked.mark)},
      {tally.stats.dropped_on_error, lost},
      {tally.undelivered.value_or(0), fmt::format("were re-sent and did not leave: another rule drops packets with the "
                                                  "mark 0x{:x}, or packets from another socket",
                                                  asked.mark)}};
  all.erase(std::remove_if(all.begin(), all.end(), [](const Cause& cause) { return cause.packets == 0; }), all.end());
  return all;
}

Coverage coverage_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  Coverage coverage{name_of(seen.direction), 0, 0, "packets", {}};
  std::vector<std::string> missing;
  for (const Cause& cause : causes_of(asked, seen)) {
    coverage.missed += static_cast<double>(cause.packets);
    missing.push_back(fmt::format("{} {}", cause.packets, cause.text));
  }
  coverage.missing = join(missing, "; ");
  const packets::PacketStats& stats = seen.tally.stats;
  uint64_t lost = stats.dropped_on_error + seen.tally.undelivered.value_or(0);
  if (stats.delayed > lost) coverage.affected = static_cast<double>(stats.delayed - lost);
  return coverage;
}

std::string measured(const PacketsSeen& seen, const Coverage& coverage) {
  const packets::AddedDelay& added = seen.tally.stats.added;
  std::string text = fmt::format("{} of {} packets delayed on {}, {:.1f} ms added at the median, {:.1f} ms at p99",
                                 coverage.affected, coverage.affected + coverage.missed, coverage.what,
                                 to_millis(added.quantile(0.5)), to_millis(added.quantile(0.99)));
  if (uint64_t early = seen.tally.stats.released_early; early > 0)
    text += fmt::format(", {} released at the end", early);
  text += seen.style == sys::QueueStyle::kXtTarget ? ", by the xt NFQUEUE target" : ", by the nftables queue";
  if (!coverage.missing.empty()) text += "; " + coverage.missing;
  bool blind =
      seen.direction == packets::Direction::kDeparture && !seen.tally.undelivered && seen.tally.stats.resent > 0;
  if (blind) text += "; whether re-sent packets left the namespace cannot be seen here";
  return text;
}

// "" when this direction is proven.
std::string lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  const packets::PacketStats& stats = seen.tally.stats;
  Nanos median = stats.added.quantile(0.5);
  const packets::DelayShape& shape = asked.verdict.held()->shape;
  Nanos slack = std::max<Nanos>(10ms, shape.delay / 10) + shape.jitter;
  if (stats.matched == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (stats.delayed == 0)
    return fmt::format("no packet on {} was held for its full delay; the attack was shorter than the delay",
                       coverage.what);
  if (coverage.affected < static_cast<double>(asked.min_events))
    return fmt::format("only {} packets were delayed on {}, {} are required (min_events): there was too little traffic",
                       coverage.affected, coverage.what, asked.min_events);
  if (median + slack < shape.delay || median > shape.delay + slack)
    return fmt::format("the added delay on {} was {:.1f} ms instead of the requested {:.1f} ms", coverage.what,
                       to_millis(median), to_millis(shape.delay));
  return {};
}

}  // namespace

Proof prove_latency(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "ms";
  proof.asked = to_millis(asked.verdict.held()->shape.delay);
  return prove_each(std::move(proof), directions, [&](const PacketsSeen& seen) {
    Coverage coverage = coverage_of(asked, seen);
    return DirectionProof{coverage, measured(seen, coverage), lacking(asked, seen, coverage),
                          to_millis(seen.tally.stats.added.quantile(0.5))};
  });
}

}  // namespace ordeal::fault
