// Random: xoshiro256** (Blackman & Vigna, https://prng.di.unimi.it), seeded by splitmix64.
// The same seed gives the same numbers on every machine: an experiment's choices can be replayed.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace ordeal {

class Random {
 public:
  explicit Random(uint64_t seed);
  // A seed from the kernel.
  static uint64_t fresh_seed();

  uint64_t next();
  // Uniform in [0, bound), without bias (Lemire's rejection). bound > 0.
  uint64_t below(uint64_t bound);
  // Uniform in [0, 1).
  double uniform();
  // Exponential with the given mean > 0.
  double exponential(double mean);
  // Standard normal (Box-Muller).
  double normal();

  template <typename T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  uint64_t state_[4];
};

}  // namespace ordeal
