#include "fault/attacks/shares/share_proof.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

using packets::PacketTally;

// A share that is farther from what was asked than this many standard deviations is no chance (1 in 10 000).
constexpr double kDeviations = 4;
// Of the packets that were drawn and that the act is for, at least so many must have been hit.
constexpr double kDone = 0.95;

// What an act did to the packets that were drawn for it.
struct Deed {
  const char* word;
  uint64_t done;
  uint64_t failed = 0;
  std::string failure = {};
  const char* unfit = "";  // why there was nothing to be done to the rest: neither hit nor missed
};

uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

Deed deed_of(const packets::Pass&, const PacketTally&) { return {"counted", 0}; }
Deed deed_of(const packets::Shape&, const PacketTally& tally) { return {"shaped", tally.stats.matched}; }
Deed deed_of(const packets::Drop&, const PacketTally& tally) { return {"dropped", tally.stats.dropped}; }
Deed deed_of(const packets::Hold&, const PacketTally& tally) {
  uint64_t lost = tally.stats.dropped_on_error + tally.undelivered.value_or(0), early = tally.stats.released_early;
  std::string failure = "were lost, or passed because 64 MiB were held";
  if (early > 0) failure += fmt::format(", or were let go at the end before their time ({})", early);
  return {"delivered late", less(tally.stats.delayed, lost), lost + tally.stats.passed_over_bound + early, failure};
}
Deed deed_of(const packets::Duplicate&, const PacketTally& tally) {
  uint64_t undelivered = tally.undelivered.value_or(0);
  return {"duplicated", less(tally.stats.resent, undelivered), tally.stats.dropped_on_error + undelivered,
          "could not be sent a second time (too long for the device, or dropped by another rule)"};
}
Deed deed_of(const packets::Refuse&, const PacketTally& tally) { return {"refused", tally.hit}; }
Deed deed_of(const packets::Ask&, const PacketTally& tally) { return {"read", tally.stats.matched}; }
Deed deed_of(const packets::Corrupt&, const PacketTally& tally) {
  uint64_t lost = std::min(tally.stats.corrupted, tally.stats.dropped_on_error);
  return {"corrupted", tally.stats.corrupted - lost, tally.stats.failed + lost,
          "could not be changed (too long, or the kernel did not take them)",
          "of those drawn have nothing to corrupt (no payload, no checksum, another protocol)"};
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

// As the draw counts, of what the reader counted.
double drawn_share(const PacketsAsked& asked, const PacketTally& tally) {
  return asked.verdict.drawn_by_kernel() ? tally.rules_share() : 1;
}

// In packets that the act is for: what passed beside the rule would have given its share of them.
Coverage hits_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const PacketTally& tally = seen.tally;
  Deed deed = deed_of(asked, tally);
  double one = drawn_share(asked, tally);
  Coverage coverage{name_of(seen.direction), std::round(one * static_cast<double>(deed.done)), 0, "packets", {}};
  std::vector<std::string> missing;
  auto escaped = [&](uint64_t packets, double share, const std::string& why) {
    if (packets == 0) return;
    coverage.missed += share * static_cast<double>(packets);
    missing.push_back(fmt::format("{} {}", packets, why));
  };
  escaped(tally.untaken(), asked.verdict.share,
          "passed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses));
  escaped(tally.fragments, asked.verdict.share, "are fragments that this kernel cannot reassemble, and passed");
  escaped(tally.foreign, asked.verdict.share,
          fmt::format("passed because the victim marks them with 0x{:x}, as we do", asked.mark));
  escaped(deed.failed, one, deed.failure);
  coverage.missing = join(missing, "; ");
  return coverage;
}

// Of those that were drawn and that the act is for, the part that was hit.
double part_done(const Deed& deed, const PacketTally& tally) {
  uint64_t fit = less(tally.stats.matched, tally.stats.unfit);
  return fit > 0 ? std::min(1.0, static_cast<double>(deed.done) / static_cast<double>(fit)) : 0;
}

// Of the packets that the act is for, how many were hit: whether it is for a packet does not depend on the draw.
double percent_hit(const PacketsAsked& asked, const PacketTally& tally) {
  return 100 * draw_of(asked, tally).share() * part_done(deed_of(asked, tally), tally);
}

std::string hits_in_words(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  Deed deed = deed_of(asked, seen.tally);
  Draw draw = draw_of(asked, seen.tally);
  double percent = draw.packets > 0 ? 100 * coverage.affected / draw.packets : 0;
  std::string text = fmt::format("{} of {} packets {} on {} ({:.2f} %)", coverage.affected, draw.packets, deed.word,
                                 coverage.what, percent);
  if (drawn_share(asked, seen.tally) < 1) text += fmt::format(", which were {} before they were merged", deed.done);
  if (uint64_t unfit = seen.tally.stats.unfit; unfit > 0) text += fmt::format("; {} {}", unfit, deed.unfit);
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

// Why what was done to the packets that were drawn is not what was asked, or "".
std::string deed_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Deed& deed) {
  const packets::PacketStats& stats = seen.tally.stats;
  const char* where = name_of(seen.direction);
  if (deed.done == 0 || deed.done < static_cast<uint64_t>(std::max<int64_t>(asked.min_events, 0)))
    return fmt::format(
        "only {} of {} packets were {} on {}, {} are required (min_events): there was too little traffic for {:g} %",
        deed.done, draw_of(asked, seen.tally).packets, deed.word, where, std::max<int64_t>(asked.min_events, 1),
        100 * asked.verdict.share);
  if (stats.unfit > deed.done)
    return fmt::format("{} packets were {} on {}, and more, {}, {}", deed.done, deed.word, where, stats.unfit,
                       deed.unfit);
  if (part_done(deed, seen.tally) < kDone)
    return fmt::format("of {} packets that were drawn on {} only {} were {}: {} {}", less(stats.matched, stats.unfit),
                       where, deed.done, deed.word, deed.failed, deed.failure);
  return {};
}

// A packet is out of order only if another one follows within its delay: so many did in the mean, and it was that late.
std::string order_lacking(const PacketsAsked& asked, const PacketsSeen& seen) {
  const packets::Hold* hold = asked.verdict.held();
  if (!hold) return {};
  Nanos delay = hold->shape.delay, got = seen.tally.stats.added.quantile(0.5);
  const char* where = name_of(seen.direction);
  if (got < delay * 9 / 10)
    return fmt::format("packets on {} were {:.1f} ms late at the median instead of {:.1f} ms", where, to_millis(got),
                       to_millis(delay));
  double overtaking = static_cast<double>(seen.tally.spared) * to_seconds(delay);
  if (overtaking < to_seconds(asked.in_force))
    return fmt::format(
        "packets on {} are farther apart than {:.1f} ms ({} in {:.1f} s), so that nothing overtook: make the delay "
        "longer",
        where, to_millis(delay), seen.tally.spared, to_seconds(asked.in_force));
  return {};
}

std::string draw_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Deed& deed) {
  Draw draw = draw_of(asked, seen.tally);
  double share = asked.verdict.share, slack = kDeviations * std::sqrt(asked.verdict.variance(draw.packets));
  if (asked.verdict.bursts && slack > share / 2)
    return fmt::format("{} packets on {} are too few to tell {:g} % in bursts this long from another share",
                       draw.packets, name_of(seen.direction), 100 * share);
  if (asked.verdict.bursts) slack += 1 / draw.packets;  // the draws of a channel that alternates do not vary at all
  if (std::abs(draw.share() - share) > slack + 1e-9)
    return fmt::format("{:.2f} % of the packets on {} were {} instead of the requested {:g} %", 100 * draw.share(),
                       name_of(seen.direction), deed.word, 100 * share);
  return {};
}

// "" when this direction is proven.
std::string share_lacking(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  Deed deed = deed_of(asked, seen.tally);
  if (draw_of(asked, seen.tally).packets == 0 && coverage.missed == 0) return nothing_matched(asked, seen);
  if (std::string text = shortfall(coverage); !text.empty()) return text;
  if (std::string text = deed_lacking(asked, seen, deed); !text.empty()) return text;
  if (std::string text = order_lacking(asked, seen); !text.empty()) return text;
  return draw_lacking(asked, seen, deed);
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
