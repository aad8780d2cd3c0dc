#include <chrono>
#include <cmath>

#include "promql/functions/functions.h"

namespace ordeal::promql {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

// Of a date, and the seconds since its midnight.
using Field = double (*)(const year_month_day& date, int64_t seconds);

constexpr int64_t kDay = 86400;
constexpr double kMostSeconds = 1e15;  // 31 million years: beyond any calendar

double apply(Field field, double unix_seconds) {
  if (std::isnan(unix_seconds) || std::abs(unix_seconds) > kMostSeconds)
    return std::numeric_limits<double>::quiet_NaN();
  auto whole = static_cast<int64_t>(unix_seconds);
  int64_t day = whole >= 0 ? whole / kDay : -((kDay - 1 - whole) / kDay);
  return field(year_month_day{sys_days{days{day}}}, whole - day * kDay);
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

sys_days first_of_year(const year_month_day& date) { return sys_days{date.year() / std::chrono::January / 1}; }

}  // namespace

Result<Value> call_day_of_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double { return unsigned(date.day()); });
}

Result<Value> call_day_of_week(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double {
    return std::chrono::weekday(sys_days{date}).c_encoding();
  });
}

Result<Value> call_day_of_year(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double {
    return static_cast<double>((sys_days{date} - first_of_year(date)).count() + 1);
  });
}

Result<Value> call_days_in_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double {
    return unsigned((date.year() / date.month() / std::chrono::last).day());
  });
}

Result<Value> call_hour(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day&, int64_t seconds) { return double(seconds / 3600); });
}

Result<Value> call_minute(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day&, int64_t seconds) { return double(seconds / 60 % 60); });
}

Result<Value> call_month(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double { return unsigned(date.month()); });
}

Result<Value> call_year(const CallSite& site, std::vector<Value>& arguments) {
  return dated(site, arguments, [](const year_month_day& date, int64_t) -> double { return int(date.year()); });
}

}  // namespace ordeal::promql
