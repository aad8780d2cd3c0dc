#include "ordeal/resilience/bulkhead.h"

#include <algorithm>

#include "range_check.h"

namespace ordeal::resilience {

std::string check(const BulkheadOptions& options) {
  return RangeCheck()
      .within("limit", options.limit, 1, 1e6, "between 1 and 1000000")
      .within("wait", options.wait, Duration::zero(), std::chrono::hours(24), "between 0 and 1 day")
      .error();
}

Bulkhead::Bulkhead(BulkheadOptions options) : options_(std::move(options)) {
  detail::require_valid("bulkhead " + options_.name, check(options_));
}

Bulkhead::Slot Bulkhead::try_acquire() {
  // Who waits already is served first.
  if (waiting_.load() == 0 && take()) return Slot(this);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Slot();
}

Bulkhead::Slot Bulkhead::acquire(TimePoint deadline) {
  if (options_.wait == Duration::zero()) return try_acquire();
  if (waiting_.load() == 0 && take()) return Slot(this);
  if (wait_for_slot(std::min(deadline, later(SteadyClock::now(), options_.wait)))) return Slot(this);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Slot();
}

bool Bulkhead::take() {
  uint32_t now = in_flight_.load();
  while (now < options_.limit) {
    if (in_flight_.compare_exchange_weak(now, now + 1)) return true;
  }
  return false;
}

bool Bulkhead::wait_for_slot(TimePoint deadline) {
  std::unique_lock lock(mutex_);
  Waiter self;
  auto place = waiters_.insert(waiters_.end(), &self);
  waiting_.fetch_add(1);
  serve();  // with a slot that was freed before we were seen to wait
  self.ready.wait_until(lock, deadline, [&] { return self.served; });
  waiters_.erase(place);
  if (!self.served) waiting_.fetch_sub(1);
  return self.served;
}

void Bulkhead::release() {
  in_flight_.fetch_sub(1);
  if (waiting_.load() == 0) return;
  std::lock_guard lock(mutex_);
  serve();
}

void Bulkhead::serve() {
  for (Waiter* waiter : waiters_) {
    if (waiter->served) continue;
    if (!take()) return;
    waiter->served = true;
    waiting_.fetch_sub(1);
    waiter->ready.notify_one();
  }
}

}  // namespace ordeal::resilience
