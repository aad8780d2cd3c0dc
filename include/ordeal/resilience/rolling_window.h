// RollingWindow: counts of calls over the last `length`, in `buckets` equal slices; the oldest slice goes as a whole,
// so the window really covers between length - length/buckets and length. Not thread-safe; time never runs backwards
// here (an older time counts as the newest one seen).
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace ordeal::resilience {

using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::steady_clock::duration;

struct WindowCounts {
  uint64_t started = 0;
  uint64_t succeeded = 0;
  uint64_t failed = 0;
};

class RollingWindow {
 public:
  // length > 0, 1 <= buckets <= length in nanoseconds.
  RollingWindow(Duration length, uint32_t buckets);

  void add(TimePoint now, const WindowCounts& what);
  const WindowCounts& counts(TimePoint now);
  void clear();

 private:
  void advance(TimePoint now);

  Duration slice_;
  std::vector<WindowCounts> buckets_;
  WindowCounts sum_;
  int64_t newest_ = INT64_MIN;  // number of the newest slice since the clock's epoch
};

}  // namespace ordeal::resilience
