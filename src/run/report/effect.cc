#include <algorithm>

#include "run/report/summary.h"

namespace ordeal::report {
namespace {

void keep_worst(std::optional<double>& worst, double value, const std::optional<Threshold>& threshold) {
  if (!worst || is_worse(value, *worst, threshold)) worst = value;
}

std::optional<double> factor_of(const EffectSummary& effect) {
  if (!effect.before || !effect.during || *effect.before <= 0 || *effect.during <= 0) return std::nullopt;
  return *effect.during / *effect.before;
}

bool is_judged_late(const ExpectationSummary& expectation) {
  return expectation.counts_in(Phase::kDuring) || expectation.counts_in(Phase::kAfter);
}

}  // namespace

EffectSummary effect_of(const ExpectationSummary& expectation, std::optional<BootTime> begin,
                        std::optional<BootTime> end) {
  EffectSummary effect;
  for (const Sample& sample : expectation.samples) {
    std::optional<double>* worst = sample.phase == Phase::kBefore                                     ? &effect.before
                                   : sample.phase == Phase::kInject || sample.phase == Phase::kDuring ? &effect.during
                                   : sample.phase == Phase::kAfter                                    ? &effect.after
                                                                                                      : nullptr;
    bool before_fault = worst == &effect.during && (!begin || sample.at < *begin);
    if (worst && sample.value && !before_fault) keep_worst(*worst, *sample.value, expectation.threshold);
    if (!begin || sample.at < *begin || !is_judged_late(expectation)) continue;
    if (sample.reading == Reading::kBreached) {
      effect.left = true;
      effect.back.reset();
    }
    if (sample.reading == Reading::kHolds && effect.left && !effect.back) effect.back = sample.at;
  }
  effect.factor = factor_of(effect);
  if (effect.back && end) effect.recovered = std::max<Nanos>(*effect.back - *end, Nanos(0));
  return effect;
}

}  // namespace ordeal::report
