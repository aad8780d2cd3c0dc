// DelayDraw: how long each packet is held, drawn anew for each from the distribution that is asked for, where one may
// follow the one before it. Pure; randomness is passed in.
#pragma once

#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"

namespace ordeal::packets {

enum class JitterKind { kUniform, kNormal, kPareto, kParetoNormal };

// A packet is held for delay ± jitter, never below 0: uniform within it; normal with it as standard deviation; Pareto
// of shape 3 with `delay` as mean and `jitter` as standard deviation, cut at 4 of them as netem's table is; or a
// quarter of a normal one and three quarters of a Pareto one, as in netem's paretonormal.
struct DelayShape {
  Nanos delay{0};
  Nanos jitter{0};
  JitterKind kind = JitterKind::kUniform;
  double correlation = 0;  // 0 to below 1, of neighbours; what is drawn in all stays the same
  // Delays that were measured somewhere, sorted and not empty, to draw from instead of all this but the correlation.
  std::shared_ptr<const std::vector<Nanos>> recorded = nullptr;

  bool varies() const { return jitter > Nanos(0) || recorded; }
  // What half of the packets are held for at most.
  Nanos median() const;
  Nanos mean() const;
  Nanos deviation() const;
};

class DelayDraw {
 public:
  explicit DelayDraw(DelayShape shape) : shape_(std::move(shape)) {}

  Nanos next(Random& random);
  const DelayShape& shape() const { return shape_; }

 private:
  double factor(Random& random);
  // Standard normal, and correlated with the last one.
  double step(double& state, Random& random) const;

  DelayShape shape_;
  double first_ = 0, second_ = 0;
  bool begun_ = false;
};

}  // namespace ordeal::packets
