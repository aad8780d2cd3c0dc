#include "ordeal/resilience/bulkhead.h"

#include <algorithm>
#include <condition_variable>

#include "../range_check.h"

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
  Slot slot = take_at_once();
  if (!slot) refused_.fetch_add(1, std::memory_order_relaxed);
  return slot;
}

Bulkhead::Slot Bulkhead::take_at_once() {
  // Who waits already is served first.
  return waiting_.load() == 0 && slots_.take() ? Slot(this) : Slot();
}

Bulkhead::Slot Bulkhead::acquire(TimePoint deadline) {
  if (options_.wait == Duration::zero()) return try_acquire();
  if (Slot slot = take_at_once()) return slot;
  std::condition_variable ready;
  std::unique_lock lock(mutex_);
  auto waiter = join([&] { ready.notify_one(); });
  ready.wait_until(lock, std::min(deadline, later(SteadyClock::now(), options_.wait)), [&] { return waiter->served; });
  return leave(waiter);
}

Bulkhead::Line::iterator Bulkhead::join(std::function<void()> wake) {
  auto waiter = waiters_.insert(waiters_.end(), Waiter{std::move(wake)});
  waiting_.fetch_add(1);
  serve();  // with a slot that was freed before we were seen to wait
  return waiter;
}

Bulkhead::Slot Bulkhead::leave(Line::iterator waiter) {
  bool served = waiter->served;
  waiters_.erase(waiter);
  if (served) return Slot(this);
  waiting_.fetch_sub(1);
  refused_.fetch_add(1, std::memory_order_relaxed);
  return Slot();
}

void Bulkhead::release() {
  slots_.give();
  if (waiting_.load() == 0) return;
  std::lock_guard lock(mutex_);
  serve();
}

void Bulkhead::serve() {
  for (Waiter& waiter : waiters_) {
    if (waiter.served) continue;
    if (!slots_.take()) return;
    waiter.served = true;
    waiting_.fetch_sub(1);
    waiter.wake();
  }
}

Bulkhead::Place::Place(Bulkhead& bulkhead, std::function<void()> wake) : bulkhead_(&bulkhead) {
  std::lock_guard lock(bulkhead.mutex_);
  waiter_ = bulkhead.join(std::move(wake));
}

bool Bulkhead::Place::served() const {
  std::lock_guard lock(bulkhead_->mutex_);
  return waiter_->served;
}

Bulkhead::Slot Bulkhead::Place::leave() {
  Bulkhead* bulkhead = std::exchange(bulkhead_, nullptr);
  if (bulkhead == nullptr) return Slot();
  std::lock_guard lock(bulkhead->mutex_);
  return bulkhead->leave(waiter_);
}

}  // namespace ordeal::resilience
