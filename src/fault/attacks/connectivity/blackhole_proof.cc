#include "fault/attacks/connectivity/blackhole_proof.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::fault {
namespace {

Coverage gone_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const packets::PacketTally& tally = seen.tally;
  Coverage coverage{name_of(seen.direction), static_cast<double>(tally.stats.dropped), 0, "packets", {}};
  std::vector<std::string> missing;
  auto passed = [&](uint64_t packets, const std::string& why) {
    if (packets == 0) return;
    coverage.missed += static_cast<double>(packets);
    missing.push_back(fmt::format("{} {}", packets, why));
  };
  passed(tally.untaken(),
         "passed while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses));
  passed(tally.fragments, "are fragments that this kernel cannot reassemble, and passed");
  coverage.missing = join(missing, "; ");
  return coverage;
}

std::string gone_in_words(const PacketsAsked& asked, const Coverage& coverage) {
  bool told = std::holds_alternative<packets::Refuse>(asked.verdict.act);
  std::string text = fmt::format("{} of {} packets {} on {}", coverage.affected, coverage.affected + coverage.missed,
                                 told ? "refused" : "dropped", coverage.what);
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

double sum(const std::vector<Coverage>& coverages, double Coverage::*part) {
  double all = 0;
  for (const Coverage& coverage : coverages) all += coverage.*part;
  return all;
}

}  // namespace

Proof prove_blackhole(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "%";
  proof.asked = 100;
  std::vector<std::string> texts, reasons;
  for (const PacketsSeen& seen : directions) {
    proof.coverage.push_back(gone_of(asked, seen));
    texts.push_back(gone_in_words(asked, proof.coverage.back()));
    if (std::string lacking = shortfall(proof.coverage.back()); !lacking.empty()) reasons.push_back(lacking);
  }
  double gone = sum(proof.coverage, &Coverage::affected), passed = sum(proof.coverage, &Coverage::missed);
  proof.got = gone + passed > 0 ? 100 * gone / (gone + passed) : 0;
  if (gone + passed == 0)
    for (const PacketsSeen& seen : directions) reasons.push_back(nothing_matched(asked, seen));
  proof.measured = join(texts, "; ");
  proof.reason = join(reasons, "; ");
  proof.proven = reasons.empty() && !directions.empty();
  return proof;
}

}  // namespace ordeal::fault
