#include "core/base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ordeal {
namespace {

Nanos read(clockid_t id) {
  timespec ts{};
  clock_gettime(id, &ts);
  return seconds(ts.tv_sec) + Nanos(ts.tv_nsec);
}

}  // namespace

BootTime boot_now() { return BootTime(read(CLOCK_BOOTTIME)); }
Nanos wall_now() { return read(CLOCK_REALTIME); }

timespec to_timespec(Nanos d) {
  d = std::max(d, Nanos(0));
  return {static_cast<time_t>(d / 1s), static_cast<long>((d % 1s).count())};
}

WallOffset WallOffset::measure() { return {wall_now() - boot_now().time_since_epoch()}; }

std::string rfc3339(Nanos since_epoch) {
  auto whole = std::chrono::floor<seconds>(since_epoch);
  time_t t = static_cast<time_t>(whole.count());
  tm parts{};
  gmtime_r(&t, &parts);
  auto millis = std::chrono::duration_cast<milliseconds>(since_epoch - whole).count();
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, millis);
}

// What Nanos can hold: the years 1678 to 2261.
constexpr int64_t kMostSeconds = std::chrono::duration_cast<seconds>(Nanos::max()).count();

Result<Nanos> parse_rfc3339(const std::string& text) {
  tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  double fraction = 0;
  if (rest && *rest == '.') {
    char* end = nullptr;
    fraction = std::strtod(rest, &end);
    rest = end;
  }
  bool complete = rest && std::string_view(rest) == "Z" && fraction >= 0 && fraction < 1;
  int64_t whole = complete ? timegm(&parts) : 0;
  if (!complete || std::abs(whole) >= kMostSeconds)
    return fail(Errc::kInvalidInput, fmt::format("expected a time such as 2026-11-23T20:15:04Z, found \"{}\"", text));
  return seconds(whole) + Nanos(std::llround(fraction * 1e9));
}

}  // namespace ordeal
