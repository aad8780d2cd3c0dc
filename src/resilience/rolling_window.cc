#include "ordeal/resilience/rolling_window.h"

#include <algorithm>

namespace ordeal::resilience {

RollingWindow::RollingWindow(Duration length, uint32_t buckets) : slice_(length / buckets), buckets_(buckets) {}

void RollingWindow::clear() {
  std::fill(buckets_.begin(), buckets_.end(), WindowCounts{});
  sum_ = {};
}

void RollingWindow::advance(TimePoint now) {
  int64_t slice = now.time_since_epoch() / slice_;
  if (slice <= newest_) return;
  auto size = static_cast<int64_t>(buckets_.size());
  if (newest_ == INT64_MIN || slice - newest_ >= size) {
    clear();
    newest_ = slice;
    return;
  }
  while (newest_ < slice) {
    WindowCounts& expired = buckets_[static_cast<size_t>(++newest_ % size)];
    sum_.started -= expired.started;
    sum_.succeeded -= expired.succeeded;
    sum_.failed -= expired.failed;
    expired = {};
  }
}

void RollingWindow::add(TimePoint now, const WindowCounts& what) {
  advance(now);
  WindowCounts& bucket = buckets_[static_cast<size_t>(newest_ % static_cast<int64_t>(buckets_.size()))];
  for (WindowCounts* counts : {&bucket, &sum_}) {
    counts->started += what.started;
    counts->succeeded += what.succeeded;
    counts->failed += what.failed;
  }
}

const WindowCounts& RollingWindow::counts(TimePoint now) {
  advance(now);
  return sum_;
}

}  // namespace ordeal::resilience
