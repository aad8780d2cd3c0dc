// What many threads count at once, without a line that they all write: shards of one cache line each, and each thread
// has its own. With more threads than shards some share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ordeal::resilience::detail {

inline std::atomic<uint32_t> next_thread{0};
inline constinit thread_local uint32_t this_thread = 0;
inline uint32_t thread_number() {
  if (this_thread == 0) this_thread = next_thread.fetch_add(1, std::memory_order_relaxed) + 1;
  return this_thread;
}

inline void add(std::atomic<uint64_t>& count) { count.fetch_add(1, std::memory_order_relaxed); }

// Of a retry and a bulkhead; a breaker has an option for it.
inline constexpr uint32_t kShards = 4;
static_assert((kShards & (kShards - 1)) == 0);

template <class T>
class Sharded {
 public:
  T& mine() { return shards_[thread_number() & (kShards - 1)].value; }
  // From one's own on, so that threads that look through all of them do not meet.
  T& from_mine(uint32_t distance) { return shards_[(thread_number() + distance) & (kShards - 1)].value; }
  T& operator[](uint32_t shard) { return shards_[shard].value; }
  const T& operator[](uint32_t shard) const { return shards_[shard].value; }

 private:
  struct alignas(64) Line {
    T value{};
  };
  Line shards_[kShards];
};

class ShardedCount {
 public:
  void add() { detail::add(shards_.mine()); }
  uint64_t sum() const {
    uint64_t sum = 0;
    for (uint32_t shard = 0; shard < kShards; ++shard) sum += shards_[shard].load(std::memory_order_relaxed);
    return sum;
  }

 private:
  Sharded<std::atomic<uint64_t>> shards_;
};

// So many slots, exactly. Each shard has some of the free ones: a thread takes from its own, else from another's, and
// gives back to its own. Sequentially consistent, as a Bulkhead looks for waiters after a give.
class Slots {
 public:
  explicit Slots(uint32_t count) {
    for (uint32_t shard = 0; shard < kShards; ++shard) shards_[shard] = count / kShards + (shard < count % kShards);
  }
  bool take();
  void give() { shards_.mine().fetch_add(kOneGiven + 1); }
  // While others take and give, those that they move are missed, or counted twice.
  uint32_t free() const {
    uint32_t sum = 0;
    for (uint32_t shard = 0; shard < kShards; ++shard) sum += free_of(shards_[shard].load(std::memory_order_relaxed));
    return sum;
  }

 private:
  // A word: how many are free, and above that how many were ever given to this shard.
  static constexpr uint64_t kOneGiven = uint64_t{1} << 32;
  static uint32_t free_of(uint64_t word) { return static_cast<uint32_t>(word); }

  Sharded<std::atomic<uint64_t>> shards_;
};

// False only if there was a moment at which none was free: two looks at all shards found none, and nothing was given
// between them.
inline bool Slots::take() {
  uint64_t given_before = 0;
  for (bool again = false;; again = true) {
    uint64_t given = 0;
    for (uint32_t distance = 0; distance < kShards; ++distance) {
      std::atomic<uint64_t>& shard = shards_.from_mine(distance);
      uint64_t word = shard.load();
      while (free_of(word) > 0) {
        if (shard.compare_exchange_weak(word, word - 1)) return true;
      }
      given += word / kOneGiven;
    }
    if (again && given == given_before) return false;
    given_before = given;
  }
}

}  // namespace ordeal::resilience::detail
