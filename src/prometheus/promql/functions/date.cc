#include <cmath>
#include <limits>

#include "prometheus/promql/functions/functions.h"

namespace ordeal::promql {
namespace {

constexpr uint64_t kDaySeconds = 86400;
constexpr uint64_t kDaysOf400Years = 146097;
// Dates are counted from the first of March of year -kYearsBefore, as Go counts them, so that those of numbers far out
// of any calendar are Prometheus' own.
constexpr uint64_t kYearsBefore = 292'277'022'400;
constexpr uint64_t kDaysToEpoch = kYearsBefore / 400 * kDaysOf400Years + 719'468;  // from then to 1970

struct Date {
  int64_t year;
  unsigned month, day;
  unsigned days_of_march_year;  // since the first of March
  uint64_t days;                // since kYearsBefore
};

// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days.
Date date_of(uint64_t days) {
  uint64_t era = days / kDaysOf400Years;
  auto day = static_cast<unsigned>(days % kDaysOf400Years);
  unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
  day -= 365 * year + year / 4 - year / 100;
  unsigned march_month = (5 * day + 2) / 153, month = march_month < 10 ? march_month + 3 : march_month - 9;
  int64_t full = static_cast<int64_t>(era * 400 + year - kYearsBefore) + (month <= 2);
  return {full, month, day - (153 * march_month + 2) / 5 + 1, day, days};
}

bool is_leap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

// As Go converts on amd64: what does not fit, and NaN, is the smallest whole number.
int64_t whole(double value) {
  constexpr double kEnd = 9223372036854775808.0;
  bool fits = value >= -kEnd && value < kEnd;
  return fits ? static_cast<int64_t>(value) : std::numeric_limits<int64_t>::min();
}

// Of a date, and the seconds since its midnight.
using Field = double (*)(const Date& date, unsigned seconds);

double apply(Field field, double unix_seconds) {
  uint64_t seconds = static_cast<uint64_t>(whole(unix_seconds)) + kDaysToEpoch * kDaySeconds;
  return field(date_of(seconds / kDaySeconds), static_cast<unsigned>(seconds % kDaySeconds));
}

Result<Value> dated(const CallSite& site, std::vector<Value>& arguments, Field field) {
  if (arguments.empty()) {
    auto now = static_cast<double>(site.at_ms / 1000);
    return Vector{{kNoLabels, false, apply(field, now), site.at_ms}};
  }
  auto& vector = std::get<Vector>(arguments[0]);
  for (Element& element : vector) {
    element.value = apply(field, element.value);
    element.ms = site.at_ms;
    drop_name(element);
  }
  return std::move(vector);
}

double day_of_year(const Date& date, unsigned) {
  constexpr unsigned kOfMarch = 31 + 28, kToJanuary = 306;
  if (date.month <= 2) return date.days_of_march_year - kToJanuary + 1;
  return date.days_of_march_year + kOfMarch + is_leap(date.year) + 1;
}

double days_in_month(const Date& date, unsigned) {
  if (date.month == 2) return 28 + is_leap(date.year);
  bool is_short = date.month == 4 || date.month == 6 || date.month == 9 || date.month == 11;
  return is_short ? 30 : 31;
}

}  // namespace

Result<Value> call_day_of_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date& date, unsigned) -> double { return date.day; });
}

// The first of March of year 0 modulo 400 is a Wednesday.
Result<Value> call_day_of_week(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date& date, unsigned) -> double { return unsigned((date.days + 3) % 7); });
}

Result<Value> call_day_of_year(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, day_of_year);
}

Result<Value> call_days_in_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, days_in_month);
}

Result<Value> call_hour(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date&, unsigned seconds) -> double { return seconds / 3600; });
}

Result<Value> call_minute(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date&, unsigned seconds) -> double { return seconds / 60 % 60; });
}

Result<Value> call_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date& date, unsigned) -> double { return date.month; });
}

Result<Value> call_year(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const Date& date, unsigned) { return static_cast<double>(date.year); });
}

}  // namespace ordeal::promql
