#include "fault/packets/acts/token_bucket.h"

#include <algorithm>
#include <utility>

namespace ordeal::packets {
namespace {

constexpr Nanos kMostExcused = 200ms;

}  // namespace

BootTime TokenBucket::take(BootTime now, uint64_t bytes) {
  Nanos full = shaping_.time_of(std::max(shaping_.burst, bytes)) + late_;
  began_ = std::max(empty_at_, now - full);
  empty_at_ = began_ + shaping_.time_of(bytes);
  return std::max(now, empty_at_);
}

void TokenBucket::excuse(Nanos late) { late_ = std::clamp(late, Nanos(0), kMostExcused); }

void BusyTime::begin(BootTime begin) {
  end();
  periods_ += periods_ == 0 || begin > last_;
  total_ -= std::max(last_ - begin, Nanos(0));  // is counted already
  begin_ = last_ = begin;
  waiting_ = true;
}

void BusyTime::made_up(BootTime began, uint64_t bytes) {
  if (!waiting_ && began < last_) bytes_ += bytes;
}

void BusyTime::went(BootTime now, uint64_t bytes) {
  if (!waiting_) return;
  last_ = now;
  bytes_ += bytes;
}

void BusyTime::end() {
  if (!std::exchange(waiting_, false)) return;
  total_ += last_ - begin_;
  begin_ = last_;
}

double BusyTime::bits_per_second() const {
  return time() > Nanos(0) ? 8 * static_cast<double>(bytes_) / to_seconds(time()) : 0;
}

}  // namespace ordeal::packets
