// What the machine does about attacks that cannot be undone: everybody is checked before anybody is hit, what was done
// is said whatever the verdict, and so is whether it came back.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "run/engine/machine.h"

namespace ordeal::engine {
namespace {

constexpr Nanos kLookForReturnsEvery = 500ms;
constexpr Nanos kReturnsAtMost = 1s;  // how long the end of a run waits for them

// The start of a process is known to 10 ms.
std::string in_words(Nanos back) {
  return plain_value(to_seconds(std::max<Nanos>(10ms, std::chrono::ceil<milliseconds>(back))), "s");
}

// A verdict is a sentence: each victim stands in the record.
constexpr size_t kMostNamed = 20;
std::string first_of(std::vector<std::string> parts) {
  if (parts.size() <= kMostNamed) return join(parts, "; ");
  size_t more = parts.size() - kMostNamed;
  parts.resize(kMostNamed);
  parts.push_back(fmt::format("and {} more", more));
  return join(parts, "; ");
}

bool is_gone(const Proof& proof) { return proof.may_return && !proof.lasting.empty(); }

}  // namespace

void Machine::inject(size_t index) {
  set(impacts_[index], ImpactState::kAsked);
  impacts_[index].asked = true;
  out_.emplace_back(Inject{static_cast<int>(index)});
}

void Machine::on(const Checked& event) {
  guard_answered_ = now_;
  Impact& impact = impacts_.at(event.impact);
  if (hits() && std::exchange(impact.ahead, false)) return after_look_ahead();
  if (!hits() || impact.state != ImpactState::kChecking) return;
  set(impact, ImpactState::kChecked);
  if (count(of(impact), ImpactState::kChecking) == 0) after_checks(of(impact));
}

void Machine::on(const CheckFailed& event) {
  guard_answered_ = now_;
  Impact& impact = impacts_.at(event.impact);
  bool ahead = std::exchange(impact.ahead, false);
  if (!hits() || (impact.state != ImpactState::kChecking && !ahead)) return;
  fail_victim(event.impact, event.error);
  if (ahead) return after_look_ahead();
  if (count(of(impact), ImpactState::kChecking) == 0) after_checks(of(impact));
}

bool Machine::fits(const WaveState& wave, int fit) {
  bool enough = fit >= needed(wave);
  if (!enough)
    fail_with(
        Outcome::kNotInjected,
        fmt::format("{}{} of {} victims can be hit, {} are needed, so nothing was done{}", of_part(wave), fit,
                    wave.size, needed(wave), why_victims_failed(wave)),
        "an irreversible attack starts only when enough victims can be hit; `ordeal plan` shows each victim's steps");
  if (enough && !over()) return true;
  begin_revert("not every needed victim can be hit");
  return false;
}

void Machine::after_checks(const WaveState& wave) {
  if (!fits(wave, count(wave, ImpactState::kChecked))) return;
  if (!std::exchange(looked_ahead_, true)) look_ahead();
  inject_checked();
}

void Machine::look_ahead() {
  for (const WaveState& wave : waves_) {
    if (wave.begun || !wave.plan.one_way || !wave.plan.ahead) continue;
    for (size_t i = wave.first; i < wave.first + wave.size; ++i) {
      impacts_[i].ahead = true;
      ++ahead_;
      out_.emplace_back(Check{static_cast<int>(i), true});
    }
  }
}

void Machine::after_look_ahead() {
  if (--ahead_ > 0) return;
  for (const WaveState& wave : waves_)
    if (!wave.begun && wave.plan.one_way && !fits(wave, victims_of(wave) - count(wave, ImpactState::kFailed))) return;
  inject_checked();
}

void Machine::inject_checked() {
  if (ahead_ > 0) return;
  if (count(ImpactState::kChecking) > 0) return;  // of another attack
  if (const WaveState* lacking = fell_short()) return too_few(*lacking);
  for (WaveState& checked : waves_)
    if (count(checked, ImpactState::kChecked) > 0 && count(checked, ImpactState::kAsked) == 0) inject_next(checked);
}

// Another attack that has lost its victims since it began: nobody is killed for a run that cannot succeed.
const Machine::WaveState* Machine::fell_short() const {
  if (!several()) return nullptr;
  for (const WaveState& wave : waves_) {
    int left = victims_of(wave) - wave.lost - count(wave, ImpactState::kFailed);
    if (wave.begun && (left < needed(wave) || (!is_under_way(wave) && !enough_hit(wave)))) return &wave;
  }
  return nullptr;
}

// Where they go one by one, no further one is hit in a run that cannot succeed any more.
void Machine::inject_next(WaveState& wave) {
  for (; wave.next < wave.first + wave.size; ++wave.next) {
    if (impacts_[wave.next].state != ImpactState::kChecked) continue;
    inject(wave.next);
    if (setup_.one_by_one) return;
  }
}

bool Machine::more_to_inject(const WaveState& wave) const {
  int possible =
      count(wave, ImpactState::kInForce) + count(wave, ImpactState::kAsked) + count(wave, ImpactState::kChecked);
  return hits() && !over() && count(wave, ImpactState::kChecked) > 0 && possible >= needed(wave) && !fell_short();
}

std::string Machine::why_victims_failed(const WaveState& wave) const {
  std::vector<std::string> why;
  for (size_t i = wave.first; i < wave.first + wave.size; ++i)
    if (impacts_[i].state == ImpactState::kFailed)
      why.push_back(fmt::format("{}: {}", setup_.victims[i].name, impacts_[i].proof.reason));
  return why.empty() ? "" : ": " + first_of(std::move(why));
}

void Machine::look_for_returns() {
  if (now_ - looked_for_returns_ < kLookForReturnsEvery) return;
  looked_for_returns_ = now_;
  for (size_t i = 0; i < impacts_.size(); ++i) {
    const Wave& wave = of(impacts_[i]).plan;
    if (!wave.one_way || !impacts_[i].hit) continue;
    BootTime since = *impacts_[i].hit + wave.attack.lead_in;
    if (now_ > since) out_.emplace_back(LookForReturn{static_cast<int>(i), since});
  }
}

void Machine::on(const Returned& event) {
  Impact& impact = impacts_.at(event.impact);
  impact.there = event.there;
  if (!event.there || impact.back || !impact.hit) return;
  const Wave& wave = of(impact).plan;
  impact.back = std::max(Nanos(0), event.began - *impact.hit - wave.attack.lead_in);
  emit(events::Returned{setup_.victims[event.impact].name, event.impact, true, impact.back, wave.name});
}

void Machine::tell_who_is_not_back() {
  for (size_t i = 0; i < impacts_.size(); ++i)
    if (is_gone(impacts_[i].proof) && !impacts_[i].there)
      emit(events::Returned{setup_.victims[i].name, static_cast<int>(i), false, impacts_[i].back,
                            of(impacts_[i]).plan.name});
}

bool Machine::waits_for_returns() const {
  if (in_phase() >= std::min(kReturnsAtMost, setup_.experiment.recovery)) return false;
  return std::any_of(impacts_.begin(), impacts_.end(),
                     [](const Impact& impact) { return is_gone(impact.proof) && !impact.back; });
}

std::string Machine::lasting() const {
  std::vector<std::string> parts;
  for (size_t i = 0; i < impacts_.size(); ++i) {
    const Impact& impact = impacts_[i];
    const std::string& victim = setup_.victims[i].name;
    bool unknown = waves_[impact.wave].plan.one_way && impact.asked && !impact.reported;
    if (unknown) parts.push_back(fmt::format("{} may have been hit, and that cannot be undone", victim));
    if (impact.proof.lasting.empty() || unknown) continue;
    std::string part = fmt::format("{}: {}", victim, impact.proof.lasting);
    if (is_gone(impact.proof) && impact.back)
      part += fmt::format(", and it was back within {}{}", in_words(*impact.back),
                          impact.there ? "" : ", and disappeared again");
    else if (is_gone(impact.proof))
      part += ", and it was not back when the run ended";
    parts.push_back(std::move(part));
  }
  return first_of(std::move(parts));
}

// What was killed is never called "not injected".
Verdict Machine::with_lasting(Verdict verdict) const {
  std::string done = lasting();
  if (done.empty()) return verdict;
  if (verdict.outcome == Outcome::kNotInjected) verdict.outcome = Outcome::kInconclusive;
  verdict.reason += "; what was done cannot be undone: " + done;
  return verdict;
}

}  // namespace ordeal::engine
