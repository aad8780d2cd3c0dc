// What is in force when: the waves of several attacks, of pulses and of the steps of a ramp. A wave starts at its time,
// once those that end before it are off; one that comes late is no attack that was asked for.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/duration.h"
#include "run/engine/machine.h"

namespace ordeal::engine {
namespace {

constexpr const char* kWhyNotHit = "`ordeal plan` shows each victim's steps; `ordeal doctor` what this machine can do";
constexpr int kMostLate = 5;  // the part of a wave that it may be late

std::string in_millis(Nanos duration) { return format_duration(std::chrono::ceil<milliseconds>(duration)); }

}  // namespace

void Machine::begin_first() {
  auto begin_those = [&](bool one_way) {
    bool any = false;
    for (WaveState& wave : waves_) {
      if (wave.begun || wave.plan.at > Nanos(0) || wave.plan.one_way != one_way) continue;
      begin(wave);
      any = true;
    }
    return any;
  };
  if (begin_those(false) || begin_those(true)) return;
  if (phase_ != Phase::kInject) return;
  origin_ = now_;
  enter(Phase::kDuring, "");
}

void Machine::begin(WaveState& wave) {
  wave.begun = true;
  wave.begun_at = now_;
  for (size_t i = wave.first; i < wave.first + wave.size; ++i) {
    if (!wave.plan.one_way) {
      inject(i);
      continue;
    }
    set(impacts_[i], ImpactState::kChecking);
    out_.emplace_back(Check{static_cast<int>(i)});
  }
}

bool Machine::is_under_way(const WaveState& wave) const {
  return count(wave, ImpactState::kChecking) + count(wave, ImpactState::kChecked) + count(wave, ImpactState::kAsked) >
         0;
}

bool Machine::all_begun() const {
  return std::all_of(waves_.begin(), waves_.end(), [](const WaveState& wave) { return wave.begun; });
}

std::optional<BootTime> Machine::next_start() const {
  if (phase_ != Phase::kDuring) return std::nullopt;
  for (const WaveState& wave : waves_)
    if (!wave.begun && origin_ + wave.plan.at > now_) return origin_ + wave.plan.at;
  return std::nullopt;
}

// What is over by then may still be being taken off, and holds what this one needs.
bool Machine::waits_for_others(const WaveState& wave) const {
  return std::any_of(waves_.begin(), waves_.end(), [&](const WaveState& other) {
    return other.begun && other.plan.end() <= wave.plan.at &&
           (is_under_way(other) || count(other, ImpactState::kInForce) > 0);
  });
}

void Machine::start_due() {
  for (WaveState& wave : waves_) {
    if (phase_ != Phase::kDuring || over()) return;
    if (wave.begun || origin_ + wave.plan.at > now_) continue;
    if (late(wave, now_)) return;
    if (waits_for_others(wave) || (wave.plan.one_way && ahead_ > 0)) continue;
    // It ends when it was to end: the next one may need what it holds.
    wave.asked.length -= now_ - origin_ - wave.plan.at;
    begin(wave);
  }
}

bool Machine::late(const WaveState& wave, BootTime at) {
  if (wave.plan.at == Nanos(0) || phase_ != Phase::kDuring) return false;
  if (wave.begun && wave.plan.one_way) return false;  // they are killed one by one
  Nanos late = at - origin_ - wave.plan.at;
  if (late <= wave.plan.attack.length / kMostLate) return false;
  fail_late(wave, late);
  return true;
}

void Machine::fail_late(const WaveState& wave, Nanos late) {
  fail_with(Outcome::kNotInjected,
            fmt::format("{}what was to start at {} came {} late, which is too much of it", of_part(wave),
                        format_duration(wave.plan.at), in_millis(late)),
            "give longer pulses or steps, or a machine that has less to do");
  begin_revert("an attack came too late");
}

bool Machine::enough_hit(const WaveState& wave) const {
  int hit = count(wave, ImpactState::kInForce);
  // The first pulse may be over when the last one of another attack is in force.
  if (several()) hit += count(wave, ImpactState::kEnded) - wave.lost;
  return hit >= needed(wave) && hit > 0;
}

void Machine::check_enough_victims() {
  bool refused = verdict_ && verdict_->outcome == Outcome::kRefused;
  auto lacks = std::find_if(waves_.begin(), waves_.end(), [&](auto& wave) { return wave.begun && !enough_hit(wave); });
  if (lacks == waves_.end() && !refused) return begin_first();
  if (!refused) return too_few(*lacks);
  begin_revert("too few victims");
}

void Machine::too_few(const WaveState& wave) {
  fail_with(Outcome::kNotInjected,
            fmt::format("{}{} of {} victims could be hit, {} are needed{}", of_part(wave),
                        count(wave, ImpactState::kInForce), wave.size, needed(wave), why_victims_failed(wave)),
            kWhyNotHit);
  begin_revert("too few victims");
}

void Machine::check_wave(const WaveState& wave, bool refused) {
  if (phase_ == Phase::kInject && (refused || count(ImpactState::kAsked) == 0)) return check_enough_victims();
  if (phase_ != Phase::kDuring || wave.plan.at == Nanos(0)) return;
  if (refused) return begin_revert("an attack is refused");
  // What was only checked is not asked for any more.
  bool open = count(wave, ImpactState::kChecking) + count(wave, ImpactState::kAsked) > 0;
  if (!open && !enough_hit(wave)) too_few(wave);
}

void Machine::watch_answers() {
  for (const WaveState& wave : waves_) {
    if (!is_under_way(wave)) continue;
    if (now_ - std::max(wave.begun_at, guard_answered_) < setup_.inject_at_most) continue;
    fail_with(Outcome::kError, fmt::format("{}{} did not answer", of_part(wave), setup_.injector));
    return begin_revert(setup_.injector + " did not answer");
  }
}

}  // namespace ordeal::engine
