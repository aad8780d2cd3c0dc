// TokenBucket: when each packet may go on, so that no more than a rate passes. It fills at the rate, holds at most the
// burst, and a packet takes its bytes out of it; in what order packets go and what happens to those that find no room
// is not its matter. Pure; time is passed in.
#pragma once

#include <cstdint>

#include "core/base/clock.h"

namespace ordeal::packets {

struct Shaping {
  double bits_per_second = 0;  // above 0
  uint64_t burst = 0;          // bytes that pass at once after a rest; one packet passes in any case
  uint64_t limit = 0;          // bytes that may wait; what comes beyond is dropped

  Nanos time_of(uint64_t bytes) const { return from_seconds(8 * static_cast<double>(bytes) / bits_per_second); }
};

// Each packet of IP is a frame of Ethernet on its way.
constexpr uint64_t kFrameHeader = 14;

class TokenBucket {
 public:
  explicit TokenBucket(const Shaping& shaping) : shaping_(shaping) {}

  // For a packet of so many bytes that came at `now`; later calls give later times. Not before `now`.
  BootTime take(BootTime now, uint64_t bytes);
  // Since when the bucket has been filling for the last packet.
  BootTime began() const { return began_; }
  // The last packets were let go so late, and their sender could not go on meanwhile: that time is not lost to it.
  void excuse(Nanos late);

 private:
  Shaping shaping_;
  BootTime began_{};
  Nanos late_{0};
  BootTime empty_at_{Nanos::min() / 2};  // when the bucket was or will be empty, were it filled from then on
};

// How much went through while something waited, and how long that took: the rate as it really was.
class BusyTime {
 public:
  // Something waits from now on, and what waited before does not any more; `begin` is since when the bucket has been at
  // work on it.
  void begin(BootTime begin);
  // A packet that did not wait makes up for time that was counted already, if the bucket began on it before its end.
  void made_up(BootTime began, uint64_t bytes);
  void went(BootTime now, uint64_t bytes);
  // Nothing waits any more, if anything did.
  void end();

  uint64_t bytes() const { return bytes_; }
  Nanos time() const { return total_ + (last_ - begin_); }
  // Times of waiting with a rest of the bucket between them.
  uint64_t periods() const { return periods_; }
  double bits_per_second() const;

 private:
  BootTime begin_{}, last_{};
  Nanos total_{0};
  uint64_t bytes_ = 0, periods_ = 0;
  bool waiting_ = false;
};

}  // namespace ordeal::packets
