// Bulkhead: at most `limit` calls at a time. A slot is free only when its work has ended: it is held until the function
// returns, or the coroutine ends. Waiters are served in the order in which they came.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "ordeal/resilience/pipeline.h"
#include "ordeal/resilience/shards.h"

namespace ordeal::resilience {

struct BulkheadOptions {
  std::string name = "bulkhead";
  uint32_t limit = 25;  // 1 to 1 000 000
  Duration wait{0};     // for a slot, at most, and not past the call's deadline; 0 refuses at once; to 1 day
};
std::string check(const BulkheadOptions& options);

class Bulkhead {
 public:
  class Slot;

  // Options out of range: as CircuitBreaker's constructor.
  explicit Bulkhead(BulkheadOptions options);
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  // An empty slot is a refusal. Blocks for `wait` at most, by the real clock.
  Slot acquire(TimePoint deadline = TimePoint::max());
  Slot try_acquire();
  // Off by those that other threads take and give back at this moment, but never above the limit.
  uint32_t in_flight() const;
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  uint32_t limit() const { return options_.limit; }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  const std::string& name() const { return options_.name; }

  static constexpr PolicyKind kKind = PolicyKind::kBulkhead;
  std::string describe() const { return options_.name + " of " + std::to_string(options_.limit); }
  template <class R, class Next>
  R run(Call& call, Next&& next);

 private:
  struct Waiter {
    std::condition_variable ready;
    bool served = false;
  };
  bool wait_for_slot(TimePoint deadline);
  void serve();
  void release();

  const BulkheadOptions options_;
  std::atomic<uint32_t> waiting_{0};  // and not served; every call reads it
  detail::Slots slots_;
  std::atomic<uint64_t> refused_{0};
  std::mutex mutex_;
  std::list<Waiter*> waiters_;
};

class [[nodiscard]] Bulkhead::Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept : bulkhead_(std::exchange(other.bulkhead_, nullptr)) {}
  Slot& operator=(Slot&& other) noexcept {
    if (this == &other) return *this;
    release();
    bulkhead_ = std::exchange(other.bulkhead_, nullptr);
    return *this;
  }
  ~Slot() { release(); }
  explicit operator bool() const { return bulkhead_ != nullptr; }

 private:
  friend class Bulkhead;
  explicit Slot(Bulkhead* bulkhead) : bulkhead_(bulkhead) {}
  void release() {
    if (Bulkhead* bulkhead = std::exchange(bulkhead_, nullptr)) bulkhead->release();
  }
  Bulkhead* bulkhead_ = nullptr;
};

template <class R, class Next>
R Bulkhead::run(Call& call, Next&& next) {
  Slot slot = acquire(call.deadline);
  if (!slot) return refuse<R>({Refusal::Reason::kBulkheadFull, name().c_str(), Duration::zero()});
  return next(call);
}

}  // namespace ordeal::resilience
