#include "fault/packets/acts/bursts.h"

namespace ordeal::packets {

Bursts Bursts::correlated(double share, double correlation) {
  return {.to_bad = share * (1 - correlation), .to_good = (1 - share) * (1 - correlation)};
}

// The sum of the covariances of all pairs, which fall off as memory() to the power of their distance.
double Bursts::variance(double packets) const {
  double alone = share() * (1 - share());
  double between = bad() * (1 - bad()) * (hit_bad - hit_good) * (hit_bad - hit_good);
  return (alone + 2 * between * memory() / (1 - memory())) / packets;
}

bool BurstDraw::next(Random& random) {
  bool hit = random.uniform() < (bad_ ? bursts_.hit_bad : bursts_.hit_good);
  if (random.uniform() < (bad_ ? bursts_.to_good : bursts_.to_bad)) bad_ = !bad_;
  return hit;
}

}  // namespace ordeal::packets
