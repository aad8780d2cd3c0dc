#include "fault/attacks/network/loss_proof.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

// A share that is farther from what was asked than this many standard deviations is no chance (1 in 10 000).
constexpr double kDeviations = 4;

struct Loss {
  double drawn = 0;    // packets of which the verdict took its share
  double dropped = 0;  // of these
  double percent() const { return drawn > 0 ? 100 * dropped / drawn : 0; }
};

Loss loss_of(const packets::PacketTally& tally) {
  auto dropped = static_cast<double>(tally.stats.dropped);
  return {static_cast<double>(tally.stats.matched + tally.spared), dropped};
}

// In losses: what passed beside the rule would have lost its share.
Coverage losses_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const packets::PacketTally& tally = seen.tally;
  Coverage coverage{name_of(seen.direction), static_cast<double>(tally.stats.dropped), 0, "packets", {}};
  std::vector<std::string> missing;
  auto escaped = [&](uint64_t packets, double share, const std::string& why) {
    if (packets == 0) return;
    coverage.missed += share * static_cast<double>(packets);
    missing.push_back(fmt::format("{} {}", packets, why));
  };
  escaped(tally.untaken(), asked.verdict.share,
          "passed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses));
  escaped(tally.fragments, asked.verdict.share, "are fragments that this kernel cannot reassemble, and passed");
  coverage.missing = join(missing, "; ");
  return coverage;
}

std::string loss_in_words(const PacketsSeen& seen, const Coverage& coverage) {
  Loss loss = loss_of(seen.tally);
  std::string text =
      fmt::format("{} of {} packets dropped on {} ({:.2f} %)", loss.dropped, loss.drawn, coverage.what, loss.percent());
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

// "" when this direction is proven.
std::string loss_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  Loss loss = loss_of(seen.tally);
  double share = asked.verdict.share;
  if (loss.drawn == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (loss.dropped == 0 || loss.dropped < static_cast<double>(asked.min_events))
    return fmt::format(
        "only {} of {} packets were dropped on {}, {} are required (min_events): there was too little traffic for a "
        "loss of {:g} %",
        loss.dropped, loss.drawn, coverage.what, std::max<int64_t>(asked.min_events, 1), 100 * share);
  double deviation = std::sqrt(share * (1 - share) / loss.drawn);
  if (std::abs(loss.percent() / 100 - share) > kDeviations * deviation + 1e-9)
    return fmt::format("{:.2f} % of the packets on {} were dropped instead of the requested {:g} %", loss.percent(),
                       coverage.what, 100 * share);
  return {};
}

}  // namespace

Proof prove_loss(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "%";
  proof.asked = 100 * asked.verdict.share;
  return prove_each(std::move(proof), directions, [&](const PacketsSeen& seen) {
    Coverage coverage = losses_of(asked, seen);
    return DirectionProof{coverage, loss_in_words(seen, coverage), loss_lacking(asked, seen, coverage),
                          loss_of(seen.tally).percent()};
  });
}

}  // namespace ordeal::fault
