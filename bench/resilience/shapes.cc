// How other C++ breakers count a success, written by hand from what their sources do: the shared state that a call
// touches and nothing else. A shape is cheaper than the program it is named after.
#include <atomic>
#include <mutex>
#include <shared_mutex>

#include "cases.h"

namespace ordeal::bench {

namespace {

// brpc, circuit_breaker.cpp: moving averages that every call of every thread swaps.
struct TwoAverages {
  std::atomic<int64_t> latency{1000}, cost{1000};
  static void move(std::atomic<int64_t>& average, int64_t value) {
    int64_t old = average.load(std::memory_order_relaxed);
    while (!average.compare_exchange_weak(old, (old * 15 + value) / 16, std::memory_order_relaxed)) {
    }
  }
};

// tRPC-Cpp: the endpoint is found under a shared lock, its bucket counts shared.
struct SharedLock {
  std::shared_mutex mutex;
  alignas(64) std::atomic<uint64_t> calls{0};
};

// gobreaker, Polly: one lock before the call, one after it.
struct TwoLocks {
  std::mutex mutex;
  bool open = false;
  uint64_t requests = 0, successes = 0;
};

void average(TwoAverages& shape) {
  nothing();
  TwoAverages::move(shape.latency, 900);
  TwoAverages::move(shape.cost, 900);
}

void lock_shared(SharedLock& shape) {
  nothing();
  std::shared_lock lock(shape.mutex);
  shape.calls.fetch_add(1, std::memory_order_relaxed);
}

void lock_twice(TwoLocks& shape) {
  {
    std::lock_guard lock(shape.mutex);
    if (shape.open) return;
    ++shape.requests;
  }
  nothing();
  std::lock_guard lock(shape.mutex);
  ++shape.successes;
}

template <class Shape, auto kBody>
void add(std::vector<Case>& all, const std::string& key, const std::string& title, bool blocks) {
  auto run = repeat(std::make_shared<Shape>(), [](Shape& shape, TimePoint) { kBody(shape); });
  for (int threads : {1, 2}) {
    all.push_back({.key = key + (threads == 2 ? " two" : ""),
                   .title = "shape: " + title,
                   .threads = threads,
                   .blocks = blocks && threads == 2,
                   .run = run});
  }
}

}  // namespace

std::vector<Case> shapes() {
  std::vector<Case> all;
  add<TwoAverages, average>(all, "averages", "two shared averages (brpc)", false);
  add<SharedLock, lock_shared>(all, "shared lock", "shared_mutex and shared add (tRPC-Cpp)", true);
  add<TwoLocks, lock_twice>(all, "two locks", "a mutex before and after (gobreaker, Polly)", true);
  return all;
}

}  // namespace ordeal::bench
