#include "fault/attacks/connectivity/dns_proof.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "fault/packets/dns/interceptor.h"

namespace ordeal::fault {
namespace {

using packets::dns::Act;
using packets::dns::Interceptor;
using packets::dns::Tally;

constexpr double kMostOverDelay = 1.5;  // of the median, in ms

const Interceptor& reader_of(const PacketsAsked& asked) {
  return static_cast<const Interceptor&>(*asked.verdict.asked()->whom);
}

const Tally& tally_of(const Interceptor& reader, const PacketsSeen& seen) {
  return seen.direction == packets::Direction::kDeparture ? reader.over_udp() : reader.over_tcp();
}

std::string protocol_of(const PacketsSeen& seen) {
  return seen.direction == packets::Direction::kDeparture ? "UDP" : "TCP";
}

Coverage questions_of(const PacketsAsked& asked, const PacketsSeen& seen) {
  const Tally& tally = tally_of(reader_of(asked), seen);
  Coverage coverage{"questions over " + protocol_of(seen), static_cast<double>(tally.hit), 0, "questions", {}};
  std::vector<std::string> missing;
  auto lost = [&](uint64_t questions, const std::string& why, bool was_hit) {
    if (questions == 0) return;
    coverage.missed += static_cast<double>(questions);
    if (was_hit) coverage.affected -= std::min(coverage.affected, static_cast<double>(questions));
    missing.push_back(fmt::format("{} {}", questions, why));
  };
  lost(seen.tally.untaken(),
       "packets passed unread while the rule was not in force or the queue was full" + lapses_in_words(asked.lapses),
       false);
  lost(tally.unread, "could not be read, and passed", false);
  lost(seen.tally.stats.passed_over_bound, "passed undelayed because too much was held", true);
  lost(seen.tally.stats.failed, "answers could not be changed, and the real ones passed", true);
  lost(tally.missed, "answers did not fit in the place of the real ones, which passed", false);
  lost(seen.tally.undelivered.value_or(0) + seen.tally.stats.dropped_on_error,
       "answers were not sent, or were dropped by somebody's rule", true);
  coverage.missing = join(missing, "; ");
  return coverage;
}

std::string questions_in_words(const PacketsAsked& asked, const PacketsSeen& seen, const Coverage& coverage) {
  const Interceptor& reader = reader_of(asked);
  const Tally& tally = tally_of(reader, seen);
  std::string text = fmt::format("{} of {} questions over {} hit", tally.hit, tally.questions, protocol_of(seen));
  const packets::AddedDelay& added = seen.tally.stats.added;
  if (reader.act().kind == Act::Kind::kDelay && added.count() > 0)
    text += fmt::format(", median {:.1f} ms added", to_seconds(added.quantile(0.5)) * 1e3);
  if (seen.tally.stats.released_early > 0)
    text += fmt::format(", {} of them let go early when the attack ended", seen.tally.stats.released_early);
  return coverage.missing.empty() ? text : text + "; " + coverage.missing;
}

// "" unless what was held was held for another time than asked.
std::string wrong_delay(const PacketsAsked& asked, const PacketsSeen& seen) {
  const packets::AddedDelay& added = seen.tally.stats.added;
  const Interceptor& reader = reader_of(asked);
  if (reader.act().kind != Act::Kind::kDelay || tally_of(reader, seen).hit == 0) return "";
  if (added.count() == 0)
    return fmt::format("no question over {} was held for the delay that was asked for", protocol_of(seen));
  double wanted = to_seconds(asked.verdict.asked()->shape.delay) * 1e3, got = to_seconds(added.quantile(0.5)) * 1e3;
  if (got >= wanted && got <= wanted * 1.05 + kMostOverDelay) return "";
  return fmt::format("the median delay over {} was {:.1f} ms instead of the requested {:.1f} ms", protocol_of(seen),
                     got, wanted);
}

std::string no_question(const PacketsAsked& asked, uint64_t read) {
  if (read == 0)
    return fmt::format("no DNS question was seen ({}): check the port, the resolver and caches", asked.traffic);
  return fmt::format("none of {} questions was for these names: check the names, the types and caches", read);
}

}  // namespace

Proof prove_questions(const PacketsAsked& asked, const std::vector<PacketsSeen>& directions) {
  Proof proof;
  proof.unit = "%";
  proof.asked = 100;
  std::vector<std::string> texts, reasons;
  uint64_t read = 0;
  double hit = 0, all = 0;
  for (const PacketsSeen& seen : directions) {
    Coverage coverage = questions_of(asked, seen);
    texts.push_back(questions_in_words(asked, seen, coverage));
    for (const std::string& lacking : {shortfall(coverage), wrong_delay(asked, seen)})
      if (!lacking.empty()) reasons.push_back(lacking);
    read += tally_of(reader_of(asked), seen).questions;
    hit += coverage.affected;
    all += coverage.affected + coverage.missed;
    proof.coverage.push_back(std::move(coverage));
  }
  proof.got = all > 0 ? 100 * hit / all : 0;
  if (hit == 0 && reasons.empty()) reasons.push_back(no_question(asked, read));
  proof.measured = join(texts, "; ");
  proof.reason = join(reasons, "; ");
  proof.proven = reasons.empty();
  return proof;
}

}  // namespace ordeal::fault
