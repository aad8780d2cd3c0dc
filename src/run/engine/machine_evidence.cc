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

constexpr const char* kCheckTheSource = "check its query and its source";

std::string rounded(Nanos duration) { return format_duration(std::chrono::floor<milliseconds>(duration)); }

void keep_earliest(std::optional<BootTime>& kept, BootTime time) { kept = kept ? std::min(*kept, time) : time; }
void keep_latest(std::optional<BootTime>& kept, BootTime time) { kept = kept ? std::max(*kept, time) : time; }

}  // namespace

// Nobody was hit before those with whom it began were, whatever has become of them.
BootTime Machine::begin_of(const WaveState& wave) const {
  BootTime begin{};
  for (size_t i = wave.first; i < wave.first + wave.size; ++i)
    if (impacts_[i].applied != BootTime{} && !impacts_[i].joined) begin = std::max(begin, impacts_[i].applied);
  return begin + wave.plan.attack.lead_in;
}

// That of the needed-th victim to go.
BootTime Machine::end_of(const WaveState& wave) const {
  std::vector<BootTime> ends;
  for (size_t i = wave.first; i < wave.first + wave.size; ++i)
    if (impacts_[i].applied != BootTime{} && matters(impacts_[i]))
      ends.push_back(impacts_[i].reverted.value_or(impacts_[i].applied + wave.asked.total()));
  std::sort(ends.begin(), ends.end());
  auto spare = static_cast<int>(ends.size()) - needed(wave);
  return spare < 0 ? BootTime{} : ends[static_cast<size_t>(spare)];
}

BootTime Machine::force_begin() const {
  BootTime begin = setup_.only_looks ? watching_since_ : BootTime{};
  for (const WaveState& wave : waves_)
    if (wave.plan.at == Nanos(0)) begin = std::max(begin, begin_of(wave));
  return begin;
}

// What lies between two waves is a part of the attack.
BootTime Machine::force_end() const {
  if (setup_.only_looks) return now_;
  bool ending = phase_ == Phase::kRevert || phase_ == Phase::kAfter || phase_ == Phase::kDone;
  BootTime end = ending ? attack_end_ : BootTime::max();
  if (!all_begun()) return end;
  BootTime last{};
  for (const WaveState& wave : waves_) last = std::max(last, end_of(wave));
  return std::min(end, last);
}

bool Machine::is_ramp(size_t part) const {
  const std::vector<Part>& parts = setup_.experiment.parts;
  return part < parts.size() && parts[part].ramp;
}

BootTime Machine::reach_of(size_t wave) const {
  size_t part = waves_[wave].plan.part;
  if (!is_ramp(part)) return begin_of(waves_[wave]);
  auto first = std::find_if(waves_.begin(), waves_.end(), [&](auto& other) { return other.plan.part == part; });
  return begin_of(*first);
}

bool Machine::taken_in(size_t wave, const Observation& observation) const {
  const auto& taken = observation.taken;
  return waves_[wave].begun && taken && taken->from >= reach_of(wave) && taken->until >= begin_of(waves_[wave]) &&
         taken->until <= end_of(waves_[wave]);
}

void Machine::see_waves(Evidence& evidence, const Observation& observation) const {
  for (size_t i = 0; i < waves_.size(); ++i) {
    if (!taken_in(i, observation)) continue;
    SeenWave& seen = evidence.waves[i];
    keep_latest(seen.last, observation.taken->until);
    seen.undiluted |= observation.taken->back_to >= reach_of(i);
  }
}

BootTime Machine::end_of_part(size_t part) const {
  auto last = std::find_if(waves_.rbegin(), waves_.rend(), [&](auto& wave) { return wave.plan.part == part; });
  BootTime end = end_of(*last);
  return end == BootTime{} ? BootTime::max() : end;
}

void Machine::note_looks(Freshness& fresh, const Observation& observation) const {
  keep_latest(fresh.newest, observation.taken->newest);
  fresh.answered = now_;
}

std::optional<Nanos> Machine::silence_before(BootTime end, size_t index, const Freshness& fresh) const {
  const Expectation& expectation = setup_.judges[index].expectation();
  Nanos silent = end - fresh.answered.value_or(BootTime{}), old = end - fresh.newest.value_or(BootTime{});
  Nanos at_most = answer_at_most(expectation);
  if (expectation.no_data != NoData::kHold || (silent <= at_most && old - 2 * setup_.sample_every <= at_most))
    return std::nullopt;
  return std::max(silent, old);
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
  note_looks(evidence.fresh, observation);
  if (!after && several())
    for (const WaveState& wave : waves_)
      if (observation.taken->until <= end_of_part(wave.plan.part))
        note_looks(evidence.parts[wave.plan.part], observation);
  if (judgement.reading != Reading::kHolds || has_time(index, observation)) return;
  if (!after && several()) see_waves(evidence, observation);
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
  for (size_t i = 0; !after && several() && inside && i < waves_.size(); ++i)
    if (taken_in(i, observation)) look.during.waves[i].counted.add(counts, *counts.read_since >= begin_of(waves_[i]));
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

bool Machine::is_proven_in(size_t index, size_t wave) const {
  auto found = looks_[index].during.waves.find(wave);
  if (found == looks_[index].during.waves.end() || !found->second.last) return false;
  const auto& trigger = setup_.triggers[index];
  return found->second.undiluted || (trigger && found->second.counted.supports(trigger->options().allowed));
}

bool Machine::is_proven_part(size_t index, size_t part) const {
  bool proven = false;
  for (size_t i = 0; i < waves_.size(); ++i) {
    if (waves_[i].plan.part != part) continue;
    bool here = is_proven_in(index, i);
    proven = is_ramp(part) ? here : proven || here;
  }
  return proven;
}

// Of several attacks, each is judged by what was seen while it was in force.
std::optional<Verdict> Machine::unseen_part(size_t index) const {
  if (!several()) return std::nullopt;
  for (const WaveState& wave : waves_)
    if (auto unseen = unseen_part(index, wave)) return unseen;
  return std::nullopt;
}

std::optional<Verdict> Machine::unseen_part(size_t index, const WaveState& wave) const {
  const std::string& name = setup_.judges[index].expectation().name;
  size_t part = wave.plan.part;
  if (!is_proven_part(index, part))
    return Verdict{Outcome::kInconclusive,
                   fmt::format("\"{}\" returned no evidence while {} was in force{}", name, wave.plan.name,
                               is_ramp(part) ? " with the last value of its ramp" : ""),
                   "lengthen it, give a shorter window, or take samples more often"};
  auto silent = silence_before(end_of_part(part), index, looks_[index].during.parts.at(part));
  if (!silent) return std::nullopt;
  return Verdict{
      Outcome::kInconclusive,
      fmt::format("\"{}\" returned no evidence in the last {} of {}", name, rounded(*silent), wave.plan.name),
      kCheckTheSource};
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
  if (auto silent = silence_before(end, index, seen.fresh))
    return inconclusive(
        fmt::format("\"{}\" returned no {} in the last {} of the attack{}", expectation.name,
                    seen.doubted ? "evidence" : "answer", rounded(*silent), seen.doubted ? ": " + seen.why_not : ""),
        kCheckTheSource);
  if (diluted(index, seen, end))
    return inconclusive(diluted_text(index, seen, "the attack"), "give a shorter window, or a longer attack");
  if (look.pending)
    return inconclusive(
        fmt::format("\"{}\" was violated when the attack ended, but not yet for long enough to be a breach",
                    expectation.name),
        "lengthen the attack");
  return unseen_part(index);
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

std::optional<Verdict> Machine::unconfirmed(const WaveState& wave) const {
  int proven = 0;
  std::string reason;
  for (size_t i = wave.first; i < wave.first + wave.size; ++i) {
    if (!matters(impacts_[i])) continue;
    proven += impacts_[i].proof.proven;
    if (!impacts_[i].proof.proven) reason = setup_.victims[i].name + ": " + impacts_[i].proof.reason;
  }
  if (proven >= needed(wave)) return std::nullopt;
  std::string at = wave.plan.at > Nanos(0) ? " at " + format_duration(wave.plan.at) : "";
  return Verdict{Outcome::kNotInjected,
                 fmt::format("{}the fault{} was confirmed on {} of {} victims, {} are needed; {}", of_part(wave), at,
                             proven, wave.size, needed(wave), reason),
                 "the attack had no measured effect: check the port, address or process that it names"};
}

Verdict Machine::held_or_not() const {
  for (const WaveState& wave : waves_)
    if (auto missing = unconfirmed(wave)) return *missing;
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
