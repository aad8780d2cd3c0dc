// Even chances in [0, 1) for jitter: splitmix64 (Vigna, 2015). Thread-safe; one seed, one sequence.
#pragma once

#include <atomic>
#include <cstdint>

namespace ordeal::resilience {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed != 0 ? seed : draw()) {}  // 0: a seed of the system's
  double next() {
    uint64_t z = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
  }

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;
  static uint64_t draw();
  std::atomic<uint64_t> state_;
};

}  // namespace ordeal::resilience
