#include "fault/attacks/network/latency_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

using packets::PacketTally;

// What became of the packets that were meant and were not delayed and delivered, a cause each.
struct Cause {
  uint64_t packets;
  std::string text;
  double share = 1;  // of a packet as the rules count
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
  double one = tally.rules_share();
  std::vector<Cause> all{
      {tally.untaken(), lapsed},
      {tally.stats.passed_over_bound, "passed undelayed because 64 MiB were held", one},
      {tally.fragments, "are fragments that this kernel cannot reassemble, and passed undelayed"},
      {tally.foreign, fmt::format("passed undelayed because the victim marks them with 0x{:x}, as we do", asked.mark)},
      {tally.stats.dropped_on_error, lost, one},
      {tally.undelivered.value_or(0),
       fmt::format("were re-sent and did not leave: another rule drops packets with the "
                   "mark 0x{:x}, or packets from another socket",
                   asked.mark),
       one}};
  all.erase(std::remove_if(all.begin(), all.end(), [](const Cause& cause) { return cause.packets == 0; }), all.end());
  return all;
}

Coverage coverage_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  Coverage coverage{name_of(seen.direction), 0, 0, "packets", {}};
  std::vector<std::string> missing;
  for (const Cause& cause : causes_of(asked, seen)) {
    coverage.missed += cause.share * static_cast<double>(cause.packets);
    missing.push_back(fmt::format("{} {}", cause.packets, cause.text));
  }
  coverage.missing = join(missing, "; ");
  const packets::PacketStats& stats = seen.tally.stats;
  uint64_t lost = stats.dropped_on_error + seen.tally.undelivered.value_or(0);
  if (stats.delayed > lost)
    coverage.affected = std::round(seen.tally.rules_share() * static_cast<double>(stats.delayed - lost));
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

// Of a table the mean: its median may lie between two groups of delays, where chance makes it jump.
struct Centre {
  const char* name;
  Nanos asked, got, slack;
};

Centre centre_of(const packets::DelayShape& shape, const packets::AddedDelay& added) {
  double alone = static_cast<double>(added.count()) * (1 - shape.correlation) / (1 + shape.correlation);
  Nanos chance = from_seconds(4 * to_seconds(shape.deviation()) / std::sqrt(std::max(alone, 1.0)));
  if (!shape.recorded) {
    bool far = shape.correlation > 0 && shape.kind != packets::JitterKind::kUniform;  // a few may all be far out
    Nanos jitter = far ? std::max(shape.jitter, std::min(chance, shape.delay / 2)) : shape.jitter;
    return {"delay", shape.median(), added.quantile(0.5), std::max<Nanos>(10ms, shape.delay / 10) + jitter};
  }
  return {"mean delay", shape.mean(), added.mean(), std::max<Nanos>(10ms, shape.mean() / 10) + chance};
}

// "" when this direction is proven.
std::string lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  const packets::PacketStats& stats = seen.tally.stats;
  Centre centre = centre_of(asked.verdict.held()->shape, stats.added);
  if (stats.matched == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (stats.delayed == 0)
    return fmt::format("no packet on {} was held for its full delay; the attack was shorter than the delay",
                       coverage.what);
  if (coverage.affected < static_cast<double>(asked.min_events))
    return fmt::format("only {} packets were delayed on {}, {} are required (min_events): there was too little traffic",
                       coverage.affected, coverage.what, asked.min_events);
  if (centre.got + centre.slack < centre.asked || centre.got > centre.asked + centre.slack)
    return fmt::format("the added {} on {} was {:.1f} ms instead of the requested {:.1f} ms", centre.name,
                       coverage.what, to_millis(centre.got), to_millis(centre.asked));
  return {};
}

}  // namespace

Proof prove_latency(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "ms";
  const packets::DelayShape& shape = asked.verdict.held()->shape;
  proof.asked = to_millis(centre_of(shape, {}).asked);
  return prove_each(std::move(proof), directions, [&](const PacketsSeen& seen) {
    Coverage coverage = coverage_of(asked, seen);
    return DirectionProof{coverage, measured(seen, coverage), lacking(asked, seen, coverage),
                          to_millis(centre_of(shape, seen.tally.stats.added).got)};
  });
}

}  // namespace ordeal::fault
