// Time: durations are std::chrono::nanoseconds, instants are BootTime (CLOCK_BOOTTIME, counts through suspend).
// Wall-clock time is only for people and for Prometheus; one WallOffset per run turns a BootTime into it.
// Pure code never calls now(): it gets the time as a parameter.
#pragma once

#include <time.h>

#include <chrono>
#include <string>

#include "core/base/result.h"

namespace ordeal {

using Nanos = std::chrono::nanoseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::chrono_literals;

// A clock for types only: it cannot be read, so that nobody reads it by accident.
struct BootClock {
  using duration = Nanos;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
using BootTime = BootClock::time_point;

BootTime boot_now();
// Wall clock, since the Unix epoch.
Nanos wall_now();

inline double to_seconds(Nanos d) { return std::chrono::duration<double>(d).count(); }
inline double to_millis(Nanos d) { return std::chrono::duration<double, std::milli>(d).count(); }
// 0 for what is below it.
timespec to_timespec(Nanos d);
inline Nanos from_seconds(double s) { return Nanos(static_cast<Nanos::rep>(s * 1e9)); }

// Adds to a BootTime to get wall time; taken once a run so that all its times agree.
struct WallOffset {
  Nanos offset{0};
  static WallOffset measure();
  Nanos wall(BootTime t) const { return t.time_since_epoch() + offset; }
};

// 2026-11-23T20:15:04.123Z
std::string rfc3339(Nanos since_epoch);
// The exact form above, with or without a fraction, from 1678 to 2261; else kInvalidInput.
Result<Nanos> parse_rfc3339(const std::string& text);

}  // namespace ordeal
