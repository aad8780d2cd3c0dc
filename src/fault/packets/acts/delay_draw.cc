#include "fault/packets/acts/delay_draw.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace ordeal::packets {
namespace {

constexpr double kMostDeviations = 4;
constexpr double kMedianOfParetoNormal = -0.145;  // found by drawing two million

Nanos scaled(Nanos jitter, double factor) {
  return Nanos(static_cast<Nanos::rep>(factor * static_cast<double>(jitter.count())));
}

double share_below(double normal) { return std::erfc(-normal / std::sqrt(2)) / 2; }

// Shape 3 has mean 1.5 and variance 0.75.
double pareto(double share) {
  double value = (std::pow(std::max(1 - share, 1e-12), -1.0 / 3) - 1.5) / std::sqrt(0.75);
  return std::min(value, kMostDeviations);
}

}  // namespace

Nanos DelayShape::median() const {
  if (recorded) return recorded->at(recorded->size() / 2);
  const std::array<double, 4> medians{0, 0, pareto(0.5), kMedianOfParetoNormal};
  return std::max(delay + scaled(jitter, medians[static_cast<size_t>(kind)]), Nanos(0));
}

Nanos DelayShape::mean() const {
  if (!recorded) return delay;
  Nanos sum = std::accumulate(recorded->begin(), recorded->end(), Nanos(0));
  return sum / static_cast<Nanos::rep>(recorded->size());
}

Nanos DelayShape::deviation() const {
  if (!recorded) return jitter;
  double squares = 0;
  for (Nanos one : *recorded) squares += std::pow(to_seconds(one - mean()), 2);
  return from_seconds(std::sqrt(squares / static_cast<double>(recorded->size())));
}

// The first of a run has no one before it.
double DelayDraw::step(double& state, Random& random) const {
  double kept = begun_ ? shape_.correlation : 0;
  return state = kept * state + std::sqrt(1 - kept * kept) * random.normal();
}

double DelayDraw::factor(Random& random) {
  double normal = step(first_, random);
  if (shape_.kind == JitterKind::kNormal) return normal;
  double share = share_below(normal);
  if (shape_.kind == JitterKind::kUniform) return 2 * share - 1;
  if (shape_.kind == JitterKind::kPareto) return pareto(share);
  return 0.25 * step(second_, random) + 0.75 * pareto(share);
}

Nanos DelayDraw::next(Random& random) {
  if (!shape_.varies()) return shape_.delay;
  Nanos delay;
  if (shape_.recorded) {
    auto count = static_cast<double>(shape_.recorded->size());
    auto at = static_cast<size_t>(share_below(step(first_, random)) * count);
    delay = (*shape_.recorded)[std::min(at, shape_.recorded->size() - 1)];
  } else {
    delay = shape_.delay + scaled(shape_.jitter, factor(random));
  }
  begun_ = true;
  return std::max(delay, Nanos(0));
}

}  // namespace ordeal::packets
