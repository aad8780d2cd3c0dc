#include <fmt/format.h>

#include <chrono>
#include <cmath>

#include "core/base/text/text.h"
#include "prometheus/promapi/api.h"

namespace ordeal::promapi {
namespace {

constexpr double kMostSeconds = 9e12;  // beyond, milliseconds would not fit

std::optional<int> digits(std::string_view text, size_t at, size_t count) {
  return at + count > text.size() ? std::nullopt : parse_number<int>(text.substr(at, count));
}

// "+02:00" as minutes.
std::optional<int> zone_minutes(std::string_view zone) {
  if (zone == "Z" || zone == "z") return 0;
  auto hours = digits(zone, 1, 2), minutes = digits(zone, 4, 2);
  bool shaped = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':';
  if (!shaped || !hours || !minutes) return std::nullopt;
  return (zone[0] == '-' ? -1 : 1) * (*hours * 60 + *minutes);
}

// 2026-11-24T12:00:00.5+01:00
std::optional<int64_t> parse_rfc3339(std::string_view text) {
  namespace chrono = std::chrono;
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  size_t zone_at = text.find_first_of("Zz+-", 19);
  if (zone_at == text.npos) return std::nullopt;
  std::string_view fraction = text.substr(19, zone_at - 19);
  auto part = fraction.empty() ? 0 : parse_number<double>("0" + std::string(fraction));
  auto zone = zone_minutes(text.substr(zone_at));
  chrono::year_month_day date{chrono::year(*year), chrono::month(unsigned(*month)), chrono::day(unsigned(*day))};
  if (!part || !zone || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  int64_t minutes = chrono::sys_days(date).time_since_epoch().count() * 1440LL + *hour * 60 + *minute - *zone;
  return (minutes * 60 + *second) * 1000 + std::llround(*part * 1000);
}

}  // namespace

Result<int64_t> parse_time(std::string_view text) {
  if (auto seconds = parse_number<double>(text); seconds && std::abs(*seconds) < kMostSeconds)
    return std::llround(*seconds * 1000);
  if (auto ms = parse_rfc3339(text)) return *ms;
  return fail(Errc::kInvalidInput, fmt::format("cannot parse \"{}\" to a valid timestamp", text));
}

}  // namespace ordeal::promapi
