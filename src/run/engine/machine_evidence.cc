// What of all that was seen proves anything. A look counts for the phase in which all of its data was taken, whenever
// its answer came. One whose window reaches back before the phase is diluted: it may speak against the hypothesis, but
// for it only together with what was counted within the phase.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "run/engine/describe.h"
#include "run/engine/machine.h"

namespace ordeal::engine {
namespace {

std::string rounded(Nanos duration) { return format_duration(std::chrono::floor<milliseconds>(duration)); }

void keep_earliest(std::optional<BootTime>& kept, BootTime time) { kept = kept ? std::min(*kept, time) : time; }
void keep_latest(std::optional<BootTime>& kept, BootTime time) { kept = kept ? std::max(*kept, time) : time; }

}  // namespace

// Nobody was hit before those with whom it began were, whatever has become of them.
BootTime Machine::force_begin() const {
  BootTime begin{};
  for (const Impact& impact : impacts_)
    if (impact.applied != BootTime{} && !impact.joined) begin = std::max(begin, impact.applied);
  return begin + setup_.experiment.attack.lead_in;
}

// That of the needed-th victim to go.
BootTime Machine::force_end() const {
  std::vector<BootTime> ends;
  for (const Impact& impact : impacts_)
    if (impact.applied != BootTime{} && matters(impact))
      ends.push_back(impact.reverted.value_or(impact.applied + setup_.experiment.attack.total()));
  std::sort(ends.begin(), ends.end());
  bool ending = phase_ == Phase::kRevert || phase_ == Phase::kAfter || phase_ == Phase::kDone;
  BootTime end = ending ? attack_end_ : BootTime::max();
  auto spare = static_cast<int>(ends.size()) - needed();
  return spare < 0 ? BootTime{} : std::min(end, ends[static_cast<size_t>(spare)]);
}

bool Machine::taken_in_force(const Observation& observation) const {
  return observation.taken && observation.taken->from >= force_begin() && observation.taken->until <= force_end();
}

void Machine::take_evidence(size_t index, const Observation& observation, const judge::Judgement& judgement) {
  LookState& look = looks_[index];
  look.unseen = observation.unseen;
  bool after = phase_ == Phase::kAfter;
  if (!after && phase_ != Phase::kDuring && phase_ != Phase::kRevert) return;
  BootTime begin = after ? after_begin_ : force_begin();
  bool inside = observation.taken && observation.taken->from >= begin && (after || taken_in_force(observation));
  // Once it is being taken off, what is not of the fault alone is of no phase.
  if (phase_ == Phase::kRevert && !inside) return;
  Evidence& evidence = after ? look.after : look.during;
  evidence.had_data |= judgement.has_data;
  if (!after) look.pending = judgement.reading == Reading::kBreached && !judgement.breach;
  evidence.why_not = !judgement.has_data          ? judgement.detail
                     : !observation.doubt.empty() ? observation.doubt
                     : !observation.taken         ? "it is not known when its data was taken"
                     : !inside                    ? "not all of its data was taken in that time"
                                                  : "";
  evidence.doubted = judgement.has_data && !evidence.why_not.empty();
  if (!evidence.why_not.empty() || !judgement.has_data) return;
  keep_latest(evidence.newest, observation.taken->newest);
  evidence.answered = now_;
  if (judgement.reading != Reading::kHolds || has_time(index, observation)) return;
  keep_earliest(evidence.held, observation.taken->until);
  if (observation.taken->back_to >= begin) keep_earliest(evidence.undiluted, observation.taken->until);
}

void Machine::count_evidence(size_t index, const Observation& observation) {
  const Counts& counts = *observation.counts;
  LookState& look = looks_[index];
  if (phase_ == Phase::kBefore || phase_ == Phase::kInject) return look.during.counted.before(counts);
  bool after = phase_ == Phase::kAfter;
  bool inside = counts.read_since && *counts.read_since >= since();
  if (phase_ == Phase::kRevert && !taken_in_force(observation)) return look.after.counted.before(counts);
  judge::CountedPhase& counted = after ? look.after.counted : look.during.counted;
  counted.add(counts, inside);
  // A system that comes back slowly is judged by what it counts from then on.
  if (after && counted.inside() && !counted.supports(setup_.triggers[index]->options().allowed)) counted.restart();
}

void Machine::judge_counts() {
  for (size_t i = 0; i < looks_.size() && !verdict_; ++i) {
    const Expectation& expectation = setup_.judges[i].expectation();
    // A burst that `for` tolerates is none.
    bool judged =
        setup_.triggers[i] && expectation.when.count(When::kDuring) && expectation.for_.value_or(Nanos(0)) == Nanos(0);
    if (!judged) continue;
    const judge::FastTrigger& trigger = *setup_.triggers[i];
    auto share = looks_[i].during.counted.contradiction(trigger.options().allowed, trigger.dispersion());
    if (share)
      on_breach(i, {describe_counted(expectation, *share, trigger.options()), share->share(), "count", Nanos(0),
                    "`for` tolerates a short burst; `fast: false` judges by the query alone"});
  }
}

bool Machine::diluted(size_t index, const Evidence& evidence, BootTime end) const {
  if (evidence.undiluted && *evidence.undiluted <= end) return false;
  const auto& trigger = setup_.triggers[index];
  return !trigger || !evidence.counted.supports(trigger->options().allowed);
}

std::string Machine::diluted_text(size_t index, const Evidence& evidence, const char* phase) const {
  const std::string& name = setup_.judges[index].expectation().name;
  std::string text = fmt::format("\"{}\": the window of its query reaches back before {}, and ", name, phase);
  if (!setup_.triggers[index]) return text + "what its series count is not judged by itself";
  auto share = evidence.counted.inside();
  if (!share) return text + "no event was counted within it";
  return text + fmt::format("{:.0f} of {:.0f} events within it were bad ({:.3g} %); {:.3g} % allowed", share->bad,
                            share->total, share->share() * 100, setup_.triggers[index]->options().allowed * 100);
}

bool Machine::proven_after(size_t index) const {
  const Evidence& after = looks_[index].after;
  return after.held && !diluted(index, after, BootTime::max());
}

bool Machine::hopeless() const {
  for (size_t i = 0; i < looks_.size(); ++i)
    if (setup_.judges[i].expectation().when.count(When::kDuring) && unproven_during(i)) return true;
  return false;
}

std::optional<Verdict> Machine::unknown_series() const {
  for (size_t i = 0; i < looks_.size(); ++i) {
    const Expectation& expectation = setup_.judges[i].expectation();
    if (looks_[i].unseen.empty() || !expectation.expect_series) continue;
    return Verdict{Outcome::kInconclusive, fmt::format("\"{}\": {}", expectation.name, looks_[i].unseen),
                   "fix the query; if the series appears only later, set `expect_series: false`"};
  }
  return std::nullopt;
}

std::optional<Verdict> Machine::unproven_during(size_t index) const {
  const LookState& look = looks_[index];
  const Evidence& seen = look.during;
  const Expectation& expectation = setup_.judges[index].expectation();
  BootTime end = force_end();
  auto inconclusive = [](std::string text,
                         const char* hint = "check its query and its source, or lengthen the attack") {
    return Verdict{Outcome::kInconclusive, std::move(text), hint};
  };
  if (!seen.held || *seen.held > end) {
    std::string why = seen.why_not.empty() ? "" : ": " + seen.why_not;
    return inconclusive(fmt::format("\"{}\" returned no {} during the attack{}", expectation.name,
                                    seen.had_data ? "evidence" : "answer", why));
  }
  // Samples may be as old as the source is slow; its answers may not.
  Nanos silent = end - *seen.answered, old = end - *seen.newest - 2 * setup_.sample_every;
  if (expectation.no_data == NoData::kHold && std::max(silent, old) > answer_at_most(expectation))
    return inconclusive(fmt::format("\"{}\" returned no {} in the last {} of the attack{}", expectation.name,
                                    seen.doubted ? "evidence" : "answer", rounded(std::max(silent, end - *seen.newest)),
                                    seen.doubted ? ": " + seen.why_not : ""),
                        "check its query and its source");
  if (diluted(index, seen, end))
    return inconclusive(diluted_text(index, seen, "the attack"), "give a shorter window, or a longer attack");
  if (look.pending)
    return inconclusive(
        fmt::format("\"{}\" was violated when the attack ended, but not yet for long enough to be a breach",
                    expectation.name),
        "lengthen the attack");
  return std::nullopt;
}

std::optional<Verdict> Machine::unproven_after(size_t index) const {
  const LookState& look = looks_[index];
  const std::string& name = setup_.judges[index].expectation().name;
  if (proven_after(index)) return std::nullopt;
  const char* hint = "give a longer `recovery`, or set `when: [before, during]`";
  if (look.after.held)
    return Verdict{Outcome::kInconclusive, diluted_text(index, look.after, "the attack's end"), hint};
  std::string why = look.after.why_not.empty() ? "" : ": " + look.after.why_not;
  return Verdict{
      Outcome::kInconclusive,
      fmt::format("\"{}\" returned no {} after the attack{}", name, look.after.had_data ? "evidence" : "answer", why),
      hint};
}

std::optional<Verdict> Machine::unproven(size_t index) const {
  const auto& when = setup_.judges[index].expectation().when;
  if (when.count(When::kDuring))
    if (auto during = unproven_during(index)) return during;
  return when.count(When::kAfter) ? unproven_after(index) : std::nullopt;
}

Verdict Machine::held_or_not() const {
  int proven = 0;
  std::string reason;
  for (size_t i = 0; i < impacts_.size(); ++i) {
    if (!matters(impacts_[i])) continue;
    proven += impacts_[i].proof.proven;
    if (!impacts_[i].proof.proven) reason = setup_.victims[i].name + ": " + impacts_[i].proof.reason;
  }
  if (proven < needed())
    return {Outcome::kNotInjected,
            fmt::format("the fault was confirmed on {} of {} victims, {} are needed; {}", proven, impacts_.size(),
                        needed(), reason),
            "the attack had no measured effect: check the port, address or process that it names"};
  bool any = std::any_of(setup_.judges.begin(), setup_.judges.end(),
                         [](const judge::Judge& judge) { return judge.expectation().when.count(When::kDuring) > 0; });
  if (!any)
    return {Outcome::kInconclusive, "no expectation says what must hold during the attack",
            "add `expect`, or --expect FILE"};
  if (auto unknown = unknown_series()) return *unknown;
  for (size_t i = 0; i < looks_.size(); ++i)
    if (auto missing = unproven(i)) return *missing;
  return {Outcome::kHeld, describe_held(setup_), ""};
}

}  // namespace ordeal::engine
