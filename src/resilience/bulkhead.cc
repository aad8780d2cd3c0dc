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

namespace {

BulkheadOptions checked(BulkheadOptions options) {
  detail::require_valid("bulkhead " + options.name, check(options));
  return options;
}

}  // namespace

Bulkhead::Bulkhead(BulkheadOptions options) : options_(checked(std::move(options))), slots_(options_.limit) {}

uint32_t Bulkhead::in_flight() const { return options_.limit - std::min(options_.limit, slots_.free()); }

Bulkhead::Slot Bulkhead::try_acquire() {
  // Who waits already is served first.
  if (waiting_.load() == 0 && slots_.take()) return Slot(this);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Slot();
}

Bulkhead::Slot Bulkhead::acquire(TimePoint deadline) {
  if (options_.wait == Duration::zero()) return try_acquire();
  if (waiting_.load() == 0 && slots_.take()) return Slot(this);
  if (wait_for_slot(std::min(deadline, later(SteadyClock::now(), options_.wait)))) return Slot(this);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Slot();
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
  slots_.give();
  if (waiting_.load() == 0) return;
  std::lock_guard lock(mutex_);
  serve();
}

void Bulkhead::serve() {
  for (Waiter* waiter : waiters_) {
    if (waiter->served) continue;
    if (!slots_.take()) return;
    waiter->served = true;
    waiting_.fetch_sub(1);
    waiter->ready.notify_one();
  }
}

}  // namespace ordeal::resilience
