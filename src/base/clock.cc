#include "base/clock.h"

#include <fmt/format.h>
#include <time.h>

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

}  // namespace ordeal
