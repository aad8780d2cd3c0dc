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

}  // namespace

void Machine::inject() {
  for (size_t i = 0; i < impacts_.size(); ++i) {
    if (!setup_.one_way) {
      inject(i);
      continue;
    }
    set(impacts_[i], ImpactState::kChecking);
    out_.emplace_back(Check{static_cast<int>(i)});
  }
}

void Machine::inject(size_t index) {
  set(impacts_[index], ImpactState::kAsked);
  impacts_[index].asked = true;
  out_.emplace_back(Inject{static_cast<int>(index)});
}

void Machine::on(const Checked& event) {
  guard_answered_ = now_;
  Impact& impact = impacts_.at(event.impact);
  if (phase_ != Phase::kInject || impact.state != ImpactState::kChecking) return;
  set(impact, ImpactState::kChecked);
  if (count(ImpactState::kChecking) == 0) after_checks();
}

void Machine::on(const CheckFailed& event) {
  guard_answered_ = now_;
  if (phase_ != Phase::kInject || impacts_.at(event.impact).state != ImpactState::kChecking) return;
  fail_victim(event.impact, event.error);
  if (count(ImpactState::kChecking) == 0) after_checks();
}

void Machine::after_checks() {
  int fit = count(ImpactState::kChecked);
  bool enough = fit >= needed();
  if (!enough)
    fail_with(
        Outcome::kNotInjected,
        fmt::format("{} of {} victims can be hit, {} are needed, so nothing was done{}", fit, impacts_.size(), needed(),
                    why_victims_failed()),
        "an irreversible attack starts only when enough victims can be hit; `ordeal plan` shows each victim's steps");
  if (!enough || over()) return begin_revert("not every needed victim can be hit");
  inject_next();
}

// Where they go one by one, no further one is hit in a run that cannot succeed any more.
void Machine::inject_next() {
  for (; next_ < impacts_.size(); ++next_) {
    if (impacts_[next_].state != ImpactState::kChecked) continue;
    inject(next_);
    if (setup_.one_by_one) return;
  }
}

bool Machine::more_to_inject() const {
  int possible = count(ImpactState::kInForce) + count(ImpactState::kAsked) + count(ImpactState::kChecked);
  return phase_ == Phase::kInject && !over() && count(ImpactState::kChecked) > 0 && possible >= needed();
}

std::string Machine::why_victims_failed() const {
  std::vector<std::string> why;
  for (size_t i = 0; i < impacts_.size(); ++i)
    if (impacts_[i].state == ImpactState::kFailed)
      why.push_back(fmt::format("{}: {}", setup_.victims[i].name, impacts_[i].proof.reason));
  return why.empty() ? "" : ": " + first_of(std::move(why));
}

void Machine::look_for_returns() {
  if (!setup_.one_way || now_ - looked_for_returns_ < kLookForReturnsEvery) return;
  looked_for_returns_ = now_;
  for (size_t i = 0; i < impacts_.size(); ++i) {
    if (!impacts_[i].hit) continue;
    BootTime since = *impacts_[i].hit + setup_.experiment.attack.lead_in;
    if (now_ > since) out_.emplace_back(LookForReturn{static_cast<int>(i), since});
  }
}

void Machine::on(const Returned& event) {
  Impact& impact = impacts_.at(event.impact);
  impact.there = event.there;
  if (!event.there || impact.back || !impact.hit) return;
  impact.back = std::max(Nanos(0), event.began - *impact.hit - setup_.experiment.attack.lead_in);
  emit(events::Returned{setup_.victims[event.impact].name, event.impact, true, impact.back});
}

void Machine::tell_who_is_not_back() {
  for (size_t i = 0; i < impacts_.size(); ++i)
    if (!impacts_[i].proof.lasting.empty() && !impacts_[i].there)
      emit(events::Returned{setup_.victims[i].name, static_cast<int>(i), false, impacts_[i].back});
}

bool Machine::waits_for_returns() const {
  if (in_phase() >= std::min(kReturnsAtMost, setup_.experiment.recovery)) return false;
  return std::any_of(impacts_.begin(), impacts_.end(),
                     [](const Impact& impact) { return !impact.proof.lasting.empty() && !impact.back; });
}

std::string Machine::lasting() const {
  std::vector<std::string> parts;
  for (size_t i = 0; i < impacts_.size(); ++i) {
    const Impact& impact = impacts_[i];
    const std::string& victim = setup_.victims[i].name;
    bool unknown = setup_.one_way && impact.asked && !impact.reported;
    if (unknown) parts.push_back(fmt::format("{} may have been hit, and that cannot be undone", victim));
    if (impact.proof.lasting.empty() || unknown) continue;
    std::string part = fmt::format("{}: {}", victim, impact.proof.lasting);
    if (impact.back)
      part += fmt::format(", and it was back within {}{}", in_words(*impact.back),
                          impact.there ? "" : ", and disappeared again");
    else
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
