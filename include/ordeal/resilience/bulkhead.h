// Bulkhead: at most `limit` calls at a time. A slot is free only when its work has ended: it is held until the function
// returns, or the coroutine ends. Waiters are served in the order in which they came.
#pragma once

#include <atomic>
#include <functional>
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
  class Place;

  // Options out of range: as CircuitBreaker's constructor.
  explicit Bulkhead(BulkheadOptions options);
  Bulkhead(const Bulkhead&) = delete;
  Bulkhead& operator=(const Bulkhead&) = delete;

  // An empty slot is a refusal. Blocks for `wait` at most, by the real clock.
  Slot acquire(TimePoint deadline = TimePoint::max());
  Slot try_acquire();
  // The same, but a refusal is not counted: for who then waits in a Place.
  Slot take_at_once();
  // Off by those that other threads take and give back at this moment, but never above the limit.
  uint32_t in_flight() const;
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  uint32_t limit() const { return options_.limit; }
  Duration wait() const { return options_.wait; }
  uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }
  const std::string& name() const { return options_.name; }

  static constexpr PolicyKind kKind = PolicyKind::kBulkhead;
  std::string describe() const { return options_.name + " of " + std::to_string(options_.limit); }
  template <class R, class Next>
  R run(Call& call, Next&& next);

 private:
  struct Waiter {
    std::function<void()> wake;
    bool served = false;
  };
  using Line = std::list<Waiter>;
  Line::iterator join(std::function<void()> wake);
  Slot leave(Line::iterator waiter);
  void serve();
  void release();

  const BulkheadOptions options_;
  std::atomic<uint32_t> waiting_{0};  // and not served; every call reads it
  detail::Slots slots_;
  std::atomic<uint64_t> refused_{0};
  std::mutex mutex_;
  Line waiters_;
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

// In line for a slot, for callers that wait without blocking (asio.h). `wake` is called at most once, by whoever
// frees the slot and under the bulkhead's lock: it must not call the bulkhead. A slot that came is given back by the
// destructor.
class Bulkhead::Place {
 public:
  Place(Bulkhead& bulkhead, std::function<void()> wake);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() { (void)leave(); }
  bool served() const;
  // The slot, if it has come; else this counts as refused.
  Slot leave();

 private:
  Bulkhead* bulkhead_;
  Line::iterator waiter_;
};

template <class R, class Next>
R Bulkhead::run(Call& call, Next&& next) {
  Slot slot = acquire(call.deadline);
  if (!slot) return refuse<R>({Refusal::Reason::kBulkheadFull, name().c_str(), Duration::zero()});
  return next(call);
}

}  // namespace ordeal::resilience
