#include "fault/attacks/shares/share_proof.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

using packets::PacketTally;

// A share that is farther from what was asked than this many standard deviations is no chance (1 in 10 000).
constexpr double kDeviations = 4;

// What an act did to the packets that were drawn for it.
struct Deed {
  const char* word;
  uint64_t done;
  uint64_t failed = 0;
  const char* failure = "";
  const char* unfit = "";  // why there was nothing to be done to the rest: neither hit nor missed
};

uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

Deed deed_of(const packets::Pass&, const PacketTally&) { return {"counted", 0}; }
Deed deed_of(const packets::Shape&, const PacketTally& tally) { return {"shaped", tally.stats.matched}; }
Deed deed_of(const packets::Drop&, const PacketTally& tally) { return {"dropped", tally.stats.dropped}; }
Deed deed_of(const packets::Hold&, const PacketTally& tally) {
  uint64_t lost = tally.stats.dropped_on_error + tally.undelivered.value_or(0);
  return {"delivered late", less(tally.stats.delayed, lost), lost + tally.stats.passed_over_bound,
          "were lost, or passed because 64 MiB were held"};
}
Deed deed_of(const packets::Duplicate&, const PacketTally& tally) {
  uint64_t undelivered = tally.undelivered.value_or(0);
  return {"duplicated", less(tally.stats.resent, undelivered), tally.stats.dropped_on_error + undelivered,
          "could not be sent a second time (too long for the device, or dropped by another rule)",
          "are for many receivers, and are not duplicated on arrival"};
}
Deed deed_of(const packets::Corrupt&, const PacketTally& tally) {
  return {"corrupted", tally.stats.corrupted, 0, "",
          "have nothing to corrupt (no payload, no checksum, another protocol)"};
}

Deed deed_of(const PacketsAsked& asked, const PacketTally& tally) {
  return std::visit([&](const auto& act) { return deed_of(act, tally); }, asked.verdict.act);
}

// The draw: how many packets it was for, and how many it hit.
struct Draw {
  double packets = 0;
  double hit = 0;
  double share() const { return packets > 0 ? hit / packets : 0; }
};

// What the reader takes apart (merged segments) it counts one by one; where the kernel draws, its count is of the same
// kind for both.
Draw draw_of(const PacketsAsked& asked, const PacketTally& tally) {
  bool kernel = asked.verdict.drawn_by_kernel() && tally.hit > 0;
  auto hit = static_cast<double>(kernel ? tally.hit : tally.stats.matched);
  return {hit + static_cast<double>(tally.spared), hit};
}

uint64_t untaken_of(const PacketsAsked& asked, const PacketTally& tally) {
  bool kernel = asked.verdict.drawn_by_kernel() && tally.hit > 0;
  return std::max(tally.untaken(), kernel ? less(tally.meant, tally.hit + tally.spared) : 0);
}

// In packets that the act is for: what passed beside the rule would have given its share of them.
Coverage hits_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const PacketTally& tally = seen.tally;
  Deed deed = deed_of(asked, tally);
  Coverage coverage{name_of(seen.direction), static_cast<double>(deed.done), 0, "packets", {}};
  std::vector<std::string> missing;
  auto escaped = [&](uint64_t packets, double share, const std::string& why) {
    if (packets == 0) return;
    coverage.missed += share * static_cast<double>(packets);
    missing.push_back(fmt::format("{} {}", packets, why));
  };
  escaped(untaken_of(asked, tally), asked.verdict.share,
          "passed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses));
  escaped(tally.fragments, asked.verdict.share, "are fragments that this kernel cannot reassemble, and passed");
  escaped(tally.foreign, asked.verdict.share,
          fmt::format("passed because the victim marks them with 0x{:x}, as we do", asked.mark));
  escaped(deed.failed, 1, deed.failure);
  coverage.missing = join(missing, "; ");
  return coverage;
}

// Of the packets that were drawn for, how many were hit, in percent.
double percent_hit(const PacketsAsked& asked, const PacketTally& tally) {
  Draw draw = draw_of(asked, tally);
  auto done = static_cast<double>(deed_of(asked, tally).done);
  return draw.packets > 0 ? 100 * std::min(done, draw.hit) / draw.packets : 0;
}

std::string hits_in_words(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  Deed deed = deed_of(asked, seen.tally);
  Draw draw = draw_of(asked, seen.tally);
  auto done = static_cast<double>(deed.done);
  std::string text = fmt::format("{} of {} packets {} on {} ({:.2f} %)", std::min(done, draw.hit), draw.packets,
                                 deed.word, coverage.what, percent_hit(asked, seen.tally));
  if (done > draw.hit) text += fmt::format(", which were {} before they were merged", deed.done);
  if (uint64_t unfit = seen.tally.stats.unfit; unfit > 0) text += fmt::format("; {} {}", unfit, deed.unfit);
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

// "" when this direction is proven.
std::string share_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  Deed deed = deed_of(asked, seen.tally);
  Draw draw = draw_of(asked, seen.tally);
  double share = asked.verdict.share;
  if (draw.packets == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (deed.done == 0 || deed.done < static_cast<uint64_t>(std::max<int64_t>(asked.min_events, 0)))
    return fmt::format(
        "only {} of {} packets were {} on {}, {} are required (min_events): there was too little traffic for {:g} %",
        deed.done, draw.packets, deed.word, coverage.what, std::max<int64_t>(asked.min_events, 1), 100 * share);
  double deviation = std::sqrt(asked.verdict.variance(draw.packets));
  if (std::abs(draw.share() - share) > kDeviations * deviation + 1e-9)
    return fmt::format("{:.2f} % of the packets on {} were {} instead of the requested {:g} %", 100 * draw.share(),
                       coverage.what, deed.word, 100 * share);
  return {};
}

}  // namespace

Proof prove_share(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "%";
  proof.asked = 100 * asked.verdict.share;
  return prove_each(std::move(proof), directions, [&](const PacketsSeen& seen) {
    Coverage coverage = hits_of(asked, seen);
    return DirectionProof{coverage, hits_in_words(asked, seen, coverage), share_lacking(asked, seen, coverage),
                          percent_hit(asked, seen.tally)};
  });
}

}  // namespace ordeal::fault
