#include "run/engine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/duration.h"
#include "core/base/text/quantity.h"
#include "run/engine/describe.h"

namespace ordeal::engine {
namespace {

constexpr Nanos kRecoveredFor = 1s;  // how long `after` must hold

}  // namespace

Machine::Machine(Setup setup)
    : setup_(std::move(setup)), looks_(setup_.judges.size()), impacts_(setup_.victims.size()) {
  setup_.triggers.resize(setup_.judges.size());
  counts_[static_cast<size_t>(ImpactState::kNone)] = static_cast<int>(impacts_.size());
  std::vector<Wave> waves = setup_.waves;
  if (waves.empty() && !setup_.only_looks)
    waves.push_back({0, "", {}, setup_.experiment.attack, setup_.one_way, impacts_.size()});
  size_t first = 0;
  for (Wave& plan : waves) {
    for (size_t i = first; i < first + plan.victims; ++i) impacts_[i].wave = waves_.size();
    WaveState wave;
    wave.asked = plan.attack;
    wave.plan = std::move(plan);
    wave.first = wave.next = first;
    wave.size = wave.plan.victims;
    wave.counts[static_cast<size_t>(ImpactState::kNone)] = static_cast<int>(wave.size);
    first += wave.size;
    waves_.push_back(std::move(wave));
  }
}

Actions Machine::start(BootTime now) {
  now_ = watching_since_ = now;
  for (LookState& look : looks_) look.waiting_since = now;
  emit(describe_run(setup_));
  for (const std::string& warning : setup_.warnings) note(events::Level::kWarning, warning);
  if (!setup_.at_most.empty()) note(events::Level::kInfo, "could be noticed at most by this: " + setup_.at_most);
  enter(setup_.only_looks ? Phase::kDuring : Phase::kBefore, "");
  return std::exchange(out_, {});
}

Actions Machine::handle(BootTime now, const Event& event) {
  now_ = std::max(now_, now);
  if (!finished()) std::visit([this](const auto& e) { on(e); }, event);
  if (phase_ == Phase::kDuring) start_due();
  return std::exchange(out_, {});
}

void Machine::enter(Phase phase, const std::string& why) {
  phase_ = phase;
  entered_ = now_;
  emit(events::PhaseBegun{phase, planned_length(setup_.experiment, phase), why});
  for (LookState& look : looks_) {
    look.holds_since.reset();
    if (phase != Phase::kRevert) look.breach_told = false;
  }
  // What is violated when the fault is taken off is judged to its end.
  if (phase == Phase::kRevert) return;
  for (judge::Judge& judge : setup_.judges) judge.reset();
}

void Machine::on(const Tick&) {
  look_again();
  look_for_returns();
  switch (phase_) {
    case Phase::kBefore:
      return tick_before();
    case Phase::kInject:
      return tick_inject();
    case Phase::kDuring:
      return tick_during();
    case Phase::kRevert:
      return tick_revert();
    case Phase::kAfter:
      return tick_after();
    default:
      return;
  }
}

void Machine::tick_before() {
  if (in_phase() < setup_.experiment.baseline) return;
  for (size_t i = 0; i < looks_.size(); ++i)
    if (counts_in_phase(i) && !looks_[i].holds_since) return;
  if (auto unknown = unknown_series()) {
    verdict_ = std::move(unknown);
    return finish();
  }
  enter(Phase::kInject, "");
  arm_triggers();
  begin_first();
}

void Machine::tick_inject() {
  if (watching_is_alive()) out_.emplace_back(Renew{});
  // Of a thousand victims each has its turn: what counts is that the guard goes on.
  if (now_ - std::max(entered_, guard_answered_) < setup_.inject_at_most) return;
  fail_with(Outcome::kError, fmt::format("{} did not answer within {}", setup_.injector,
                                         plain_value(to_seconds(setup_.inject_at_most), "s")));
  begin_revert(setup_.injector + " did not answer");
}

void Machine::tick_during() {
  if (watching_is_alive()) out_.emplace_back(Renew{});
  if (setup_.only_looks && has_seen_enough()) return finish();
  if (several()) watch_answers();
  if (phase_ == Phase::kDuring && in_phase() >= setup_.experiment.attack.total()) begin_revert("attack finished");
}

bool Machine::has_seen_enough() const {
  for (size_t i = 0; i < looks_.size(); ++i)
    if (unproven_during(i)) return false;
  return true;
}

void Machine::tick_revert() {
  if (in_phase() < setup_.revert_at_most) {
    out_.emplace_back(RevertAll{"asked again"});
    return;
  }
  fail_with(Outcome::kRevertFailed,
            fmt::format("{} did not confirm within {} that everything is reverted", setup_.injector,
                        plain_value(to_seconds(setup_.revert_at_most), "s")),
            setup_.after_failed_revert);
  for (Impact& impact : impacts_) set(impact, ImpactState::kEnded);
  after_all_reverted();
}

void Machine::tick_after() {
  if (acting_) return;
  if (over()) return finish();
  judge_recoveries();
  bool holding = true, recovered = true, proven = true;
  for (size_t i = 0; i < looks_.size(); ++i) {
    if (!counts_in_phase(i)) continue;
    const auto& since = looks_[i].holds_since;
    holding = holding && since;
    recovered = recovered && since && now_ - *since >= kRecoveredFor;
    proven = proven && proven_after(i);
  }
  // A run that failed has nothing left to prove. One that holds so far waits for a source that is slow.
  bool settled = verdict_ || hopeless();
  if (recovered && (proven || settled) && !waits_for_returns()) return finish();
  bool waits = holding && !settled;
  Nanos at_most = recovery_at_most() + (waits ? kRecoveredFor + 2 * setup_.sample_every : Nanos(0));
  if (in_phase() < at_most) return;
  for (size_t i = 0; i < looks_.size(); ++i)
    if (counts_in_phase(i) && !looks_[i].holds_since) not_recovered(i);
  finish();
}

Nanos Machine::recovery_at_most() const {
  Nanos longest = setup_.experiment.recovery;
  for (size_t i = 0; i < looks_.size(); ++i)
    if (counts_in_phase(i)) longest = std::max(longest, recovery_of(setup_.experiment, setup_.judges[i].expectation()));
  return longest;
}

// Another one's `within` may make the phase longer; it gives nobody else more time.
void Machine::judge_recoveries() {
  for (size_t i = 0; i < looks_.size(); ++i) {
    bool due = counts_in_phase(i) && in_phase() >= recovery_of(setup_.experiment, setup_.judges[i].expectation());
    if (!due || std::exchange(looks_[i].recovery_judged, true)) continue;
    if (!looks_[i].holds_since) not_recovered(i);
  }
}

void Machine::not_recovered(size_t index) {
  const Expectation& expectation = setup_.judges[index].expectation();
  const std::string& name = expectation.name;
  Nanos at_most = expectation.within.value_or(setup_.experiment.recovery);
  const std::string& lack = looks_[index].lack;
  if (!lack.empty())
    return fail_with(Outcome::kInconclusive,
                     fmt::format("\"{}\" could not be watched after the attack: {}", name, lack), kOwnLack);
  fail_with(Outcome::kDeviated,
            fmt::format("\"{}\" did not hold again within {} after the attack", name, format_duration(at_most)),
            "the fault is off; find out why the system does not recover");
}

void Machine::on(const Applied& event) {
  Impact& impact = impacts_.at(event.impact);
  guard_answered_ = now_;
  if (impact.state != ImpactState::kAsked) return;
  set(impact, ImpactState::kInForce);
  account(impact, -1);
  impact.applied = event.at;
  account(impact, 1);
  impact.hit = event.at;
  WaveState& wave = of(impact);
  emit(events::Injected{setup_.victims[event.impact].name, event.impact, event.steps, wave.plan.name});
  if (late(wave, event.at)) return;
  if (more_to_inject(wave)) return inject_next(wave);
  check_wave(wave, false);
}

// Only while the fault is in force: before that nobody knows whether it will be, and after it nobody is hit any more.
void Machine::on(const Joined& event) {
  setup_.victims.push_back(event.victim);
  impacts_.emplace_back();
  impacts_.back().joined = true;
  ++counts_[static_cast<size_t>(ImpactState::kNone)];
  ++waves_.front().counts[static_cast<size_t>(ImpactState::kNone)];
  ++waves_.front().size;
  account(impacts_.back(), 1);
  bool late = phase_ != Phase::kDuring || setup_.one_way;
  if (late) return set(impacts_.back(), ImpactState::kFailed);
  inject(impacts_.size() - 1);
}

void Machine::on(const ApplyFailed& event) {
  guard_answered_ = now_;
  if (impacts_.at(event.impact).state != ImpactState::kAsked) return;
  impacts_[event.impact].asked = false;  // nothing is in force, and nothing was done
  fail_victim(event.impact, event.error);
  if (phase_ == Phase::kRevert) return after_last_reverted();
  WaveState& wave = of(impacts_[event.impact]);
  if (more_to_inject(wave)) return inject_next(wave);
  check_wave(wave, event.error.code == Errc::kRefused);
}

void Machine::fail_victim(int index, const Error& error) {
  Impact& impact = impacts_[index];
  set(impact, ImpactState::kFailed);
  impact.proof.reason = error.what;
  const std::string& victim = setup_.victims[index].name;
  emit(events::InjectFailed{victim, error.what, error.hint, of(index).plan.name});
  if (error.code == Errc::kRefused) fail_with(Outcome::kRefused, error.what, error.hint);
  if (error.code == Errc::kInternal) fail_with(Outcome::kError, error.what, error.hint);
  if (error.code == Errc::kRevertFailed)
    fail_with(Outcome::kRevertFailed, fmt::format("{} could not be reverted: {}", victim, error.what),
              setup_.after_failed_revert);
}

void Machine::on(const VictimGone& event) {
  Impact& impact = impacts_.at(event.impact);
  account(impact, -1);
  impact.gone = true;
  account(impact, 1);
  emit(events::VictimGone{setup_.victims[event.impact].name, event.impact, event.why, of(impact).plan.name});
  lose(event.impact, "went away", event.why, "the replacement of a victim is a new incarnation and is not hit");
}

void Machine::lose(int index, const std::string& what, const std::string& why, const std::string& hint) {
  account(impacts_[index], -1);
  impacts_[index].lost = true;
  account(impacts_[index], 1);
  const WaveState& wave = of(index);
  if (phase_ != Phase::kDuring || victims_of(wave) - wave.lost >= needed(wave)) return;
  fail_with(Outcome::kNotInjected,
            fmt::format("{}{} of {} victims were lost during the attack, {} are needed: {} {}: {}", of_part(wave),
                        wave.lost + wave.ignored, wave.size, needed(wave), setup_.victims[index].name, what, why),
            hint);
  begin_revert("too few victims are left");
}

void Machine::on(const Reverted& event) {
  Impact& impact = impacts_.at(event.impact);
  if (impact.state == ImpactState::kEnded) return;
  set(impact, ImpactState::kEnded);
  impact.reported = true;
  impact.proof = event.proof;
  impact.reverted = event.reverted;
  const std::string& victim = setup_.victims[event.impact].name;
  auto result = event.clean ? events::RevertResult::kClean : events::RevertResult::kFailed;
  emit(events::Reverted{event.impact, victim, event.applied, event.reverted, event.took, result, event.why, event.error,
                        of(impact).plan.name});
  emit(events::Proven{victim, event.proof, setup_.parts.empty() ? std::nullopt : std::optional(event.impact),
                      of(impact).plan.name});
  if (!event.clean)
    fail_with(Outcome::kRevertFailed, fmt::format("{} could not be reverted: {}", victim, event.error),
              setup_.after_failed_revert);
  if (event.broken) lose(event.impact, "was no longer hit", event.why, "the fault ended by itself; check the victim");
  bool over = !several() || (all_begun() && std::none_of(waves_.begin(), waves_.end(),
                                                         [this](auto& wave) { return is_under_way(wave); }));
  if (phase_ == Phase::kDuring && over && count(ImpactState::kInForce) == 0) begin_revert(event.why);
  if (phase_ == Phase::kRevert) after_last_reverted();
}

void Machine::after_last_reverted() {
  if (count(ImpactState::kInForce) + count(ImpactState::kAsked) == 0) after_all_reverted();
}

void Machine::on(const NothingInForce&) {
  if (phase_ != Phase::kRevert) return;
  for (Impact& impact : impacts_) {
    bool waited_for = impact.state == ImpactState::kAsked || impact.state == ImpactState::kInForce;
    if (waited_for) set(impact, ImpactState::kEnded);
  }
  after_all_reverted();
}

void Machine::on(const HaltAsked& event) {
  events::Halt halt{event.why, event.by, now_};
  emit(halt);
  if (event.by == "error") {
    fail_with(Outcome::kError, event.why);
  } else {
    fail_with(Outcome::kHalted, events::in_words(halt));
  }
  // A rollback under way is done first; whoever asks again ends that too.
  bool insists = std::exchange(halt_asked_, true);
  if (acting_ && !insists) return;
  if (phase_ == Phase::kBefore || phase_ == Phase::kAfter) return finish();
  if (phase_ != Phase::kRevert) begin_revert(events::in_words(halt));
}

void Machine::on(const GuardLost& event) {
  emit(events::Halt{event.how, "error", now_});
  if (event.left.empty()) {
    fail_with(Outcome::kError, event.how + "; all faults are removed");
  } else {
    fail_with(Outcome::kRevertFailed, event.how + ", and something is left behind: " + event.left,
              setup_.after_failed_revert);
  }
  for (Impact& impact : impacts_)
    if (impact.state != ImpactState::kNone) set(impact, ImpactState::kEnded);
  // After a breach the deployment is rolled back all the same, if the fault is off.
  if (phase_ == Phase::kRevert && event.left.empty()) return after_all_reverted();
  if (!acting_) finish();
}

void Machine::on(const Acted& event) {
  emit(event.action);
  acting_ = !event.last;
}

void Machine::begin_revert(const std::string& why) {
  attack_end_ = now_;
  if (setup_.only_looks) return finish();
  enter(Phase::kRevert, why);
  out_.emplace_back(RevertAll{why});
  // An impact that was asked for and never confirmed may be in force: it is waited for as well.
  after_last_reverted();
}

void Machine::after_all_reverted() {
  judge_counts();
  begin_rollback();
  if (over() && !acting_) return finish();
  after_begin_ = now_;
  for (LookState& look : looks_) look.after.counted.restart();
  enter(Phase::kAfter, "");
}

// The fault goes first, always: while it may be in force, nobody knows what a rollback would do.
void Machine::begin_rollback() {
  if (!breach_ || !setup_.experiment.rollback || setup_.experiment.rollback->empty()) return;
  if (verdict_ && verdict_->outcome == Outcome::kRevertFailed) {
    note(events::Level::kWarning, "nothing is rolled back, since a fault could not be removed");
    return;
  }
  acting_ = true;
  out_.emplace_back(Act{*breach_});
}

void Machine::fail_with(Outcome outcome, std::string reason, std::string hint) {
  Verdict verdict{outcome, std::move(reason), std::move(hint)};
  if (!verdict_) {
    verdict_ = std::move(verdict);
    return;
  }
  ExitCode before = exit_code_of(verdict_->outcome), now = exit_code_of(outcome);
  if (before != now && stronger(before, now) == now) verdict_ = std::move(verdict);
}

void Machine::finish() {
  // A deviation on an attack that had no effect is still what the system did; but held needs proof.
  Verdict verdict = with_lasting(verdict_ ? *verdict_ : held_or_not());
  tell_who_is_not_back();
  enter(Phase::kDone, "");
  emit(events::Ended{verdict});
  out_.emplace_back(Finish{std::move(verdict)});
}

bool Machine::over() const { return verdict_ && verdict_->outcome != Outcome::kDeviated; }

void Machine::set(Impact& impact, ImpactState state) {
  auto before = static_cast<size_t>(std::exchange(impact.state, state));
  --counts_[before], ++counts_[static_cast<size_t>(state)];
  --of(impact).counts[before], ++of(impact).counts[static_cast<size_t>(state)];
}

bool Machine::matters(const Impact& impact) const {
  if (!setup_.follow) return true;
  return !impact.gone && (!impact.joined || impact.applied != BootTime{});
}

void Machine::account(const Impact& impact, int sign) {
  bool counts = matters(impact);
  of(impact).ignored += counts ? 0 : sign;
  of(impact).lost += counts && impact.lost ? sign : 0;
}

int Machine::needed(const WaveState& wave) const {
  double share = setup_.experiment.min_injected / 100 * static_cast<double>(victims_of(wave));
  return std::max(1, static_cast<int>(std::ceil(share - 1e-9)));
}

}  // namespace ordeal::engine
