// What the machine makes of looks: readings, breaches, counts, and whether what was seen is enough to say "held".
#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "run/engine/describe.h"
#include "run/engine/machine.h"

namespace ordeal::engine {
namespace {

When when_of(Phase phase) {
  return phase == Phase::kBefore ? When::kBefore : phase == Phase::kAfter ? When::kAfter : When::kDuring;
}

}  // namespace

// A look that does not come back is a look without data; the lease is for real answers only.
void Machine::look_again() {
  for (size_t i = 0; i < looks_.size() && !finished(); ++i) {
    out_.emplace_back(Observe{i, since()});
    Nanos at_most = answer_at_most(setup_.judges[i].expectation());
    if (now_ - looks_[i].waiting_since <= at_most) continue;
    looks_[i].waiting_since = now_;
    Observation silence{Observation::Outcome::kTimedOut, false, {}, "the watcher does not answer", at_most};
    judge(i, silence);
  }
}

void Machine::on(const Warning& event) { note(events::Level::kWarning, event.text); }

void Machine::on(const Observed& event) {
  if (event.expectation >= looks_.size()) return;
  looks_[event.expectation].last_answer = now_;
  looks_[event.expectation].waiting_since = now_;
  judge(event.expectation, event.observation);
}

void Machine::judge(size_t index, const Observation& observation) {
  judge::Judgement judgement = setup_.judges[index].observe(observation, now_);
  LookState& look = looks_[index];
  look.last = judgement.reading;
  look.lack = judgement.has_data ? "" : observation.own_lack;
  if (!goes_on(index)) look.holds_since.reset();
  if (goes_on(index) && !look.holds_since) look.holds_since = now_;
  note_reading(index, judgement, observation.took);
  warn_once(index, observation.caveat);
  take_evidence(index, observation, judgement);
  // Once the fault is being taken off, a look speaks of it only if all of its data is from before.
  bool speaks = counts_in_phase(index) && (phase_ != Phase::kRevert || taken_in_force(observation));
  if (judgement.breach && speaks && !has_time(index, observation))
    on_breach(index, {describe_breach(setup_.judges[index], judgement), judgement.value, "expression",
                      judgement.breached_for, ""});
  if (phase_ == Phase::kAfter) judge_return(index, observation);
  if (judgement.given_up && counts_in_phase(index)) give_up(index, judgement.lack);
  if (observation.counts && setup_.triggers[index] && !finished()) on_counts(index, observation, judgement);
}

void Machine::warn_once(size_t index, const std::string& text) {
  std::string whole = fmt::format("\"{}\": {}", setup_.judges[index].expectation().name, text);
  if (!text.empty() && remarked_.insert(whole).second) note(events::Level::kInfo, whole);
}

// Nobody can say what the system does, and that is not its fault: a run that cannot see ends.
void Machine::give_up(size_t index, const std::string& lack) {
  if (phase_ == Phase::kRevert || phase_ == Phase::kAfter) return;
  fail_with(Outcome::kInconclusive,
            fmt::format("\"{}\" could not be watched for {}: {}", setup_.judges[index].expectation().name,
                        format_duration(judge::kHoldAtMost), lack),
            kOwnLack);
  if (phase_ == Phase::kBefore) return finish();
  begin_revert("it cannot be watched");
}

void Machine::on_counts(size_t index, const Observation& observation, const judge::Judgement& judgement) {
  judge::FastTrigger& trigger = *setup_.triggers[index];
  const Expectation& expectation = setup_.judges[index].expectation();
  const std::string& trouble = observation.counts->trouble;
  if (!trouble.empty() && !std::exchange(looks_[index].trouble_told, true))
    note(events::Level::kWarning, fmt::format("\"{}\": {}", expectation.name, trouble));
  if (has_time(index, observation)) {
    if (phase_ != Phase::kAfter) looks_[index].during.counted.before(*observation.counts);
    return trigger.pass_over(*observation.counts, now_);
  }
  count_evidence(index, observation);
  if (phase_ == Phase::kBefore) return trigger.learn(*observation.counts, now_);
  bool late = phase_ == Phase::kRevert && taken_in_force(observation);
  if (phase_ != Phase::kInject && phase_ != Phase::kDuring && !late) return;
  auto alarm = trigger.observe(*observation.counts, now_);
  if (alarm && counts_in_phase(index))
    on_breach(index, {describe_alarm(expectation, *alarm), judgement.value, to_text(alarm->kind), Nanos(0),
                      "`for` tolerates a short burst; `fast: false` judges by the query alone"});
}

// From here on a trigger speaks: what the baseline taught it is said once.
void Machine::arm_triggers() {
  for (size_t i = 0; i < setup_.triggers.size(); ++i) {
    if (!setup_.triggers[i]) continue;
    setup_.triggers[i]->arm(now_);
    const std::string& name = setup_.judges[i].expectation().name;
    std::string learned = setup_.triggers[i]->learned();
    bool counted = !learned.empty();
    if (!counted && looks_[i].trouble_told) continue;  // why is known
    if (counted) {
      note(events::Level::kInfo,
           fmt::format("{}: also watching single requests for an early halt ({})", name, learned));
    } else {
      note(events::Level::kWarning, fmt::format("{} is judged by its query alone: none of the counters behind it "
                                                "was seen before the attack",
                                                name));
    }
  }
}

void Machine::note_reading(size_t index, const judge::Judgement& judgement, Nanos took) {
  events::Look look{index,
                    setup_.judges[index].expectation().name,
                    judgement.reading,
                    phase_,
                    took,
                    judgement.value,
                    judgement.series,
                    judgement.detail,
                    {}};
  if (setup_.triggers[index]) look.closeness = setup_.triggers[index]->closeness();
  emit(std::move(look));
}

void Machine::on_breach(size_t index, const Breach& breach) {
  const Expectation& expectation = setup_.judges[index].expectation();
  // After the attack a breach is only slow recovery, and the recovery limit decides.
  if (phase_ == Phase::kAfter || looks_[index].breach_told) return;
  looks_[index].breach_told = true;
  emit(events::Breach{index, expectation.name, breach.value, expectation.condition, phase_, breach.trigger, breach.text,
                      breach.since});
  if (phase_ == Phase::kBefore) {
    fail_with(Outcome::kNotInjected, "before the attack: " + breach.text,
              "the baseline already fails: fix the system or the query first");
    return finish();
  }
  fail_with(Outcome::kDeviated, breach.text, breach.hint);
  if (!expectation.halt) return;
  breach_ = breach.text;
  if (phase_ == Phase::kRevert) return;
  emit(events::Halt{breach.text, "breach", now_});
  begin_revert(fmt::format("\"{}\" is breached", expectation.name));
}

bool Machine::counts_in_phase(size_t index) const {
  return setup_.judges[index].expectation().when.count(when_of(phase_)) != 0;
}

bool Machine::has_time(size_t index, const Observation& observation) const {
  const auto& within = setup_.judges[index].expectation().within;
  if (!within) return false;
  if (phase_ == Phase::kInject) return true;
  BootTime at = observation.taken ? observation.taken->until : now_;
  return at < since() + *within;
}

void Machine::judge_return(size_t index, const Observation& observation) {
  bool decides = setup_.judges[index].expectation().within && counts_in_phase(index) && !has_time(index, observation);
  LookState& look = looks_[index];
  if (!decides || look.last == Reading::kUndecided || std::exchange(look.return_judged, true)) return;
  if (!goes_on(index)) not_recovered(index);
}

bool Machine::goes_on(size_t index) const {
  Reading last = looks_[index].last;
  bool passes = last == Reading::kNoData && setup_.judges[index].expectation().no_data == NoData::kPass;
  return last == Reading::kHolds || passes;
}

BootTime Machine::since() const {
  if (phase_ == Phase::kAfter) return after_begin_;
  return phase_ == Phase::kDuring || phase_ == Phase::kRevert ? force_begin() : watching_since_;
}

bool Machine::watching_is_alive() const {
  for (size_t i = 0; i < looks_.size(); ++i) {
    auto last = looks_[i].last_answer;
    if (!last || now_ - *last > answer_at_most(setup_.judges[i].expectation())) return false;
  }
  return true;
}

}  // namespace ordeal::engine
