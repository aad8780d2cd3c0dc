#include "interop/slo/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "interop/slo/query.h"

namespace ordeal::slo {
namespace {

using Method = Indicator::Method;

constexpr Nanos kPoint = 1min;        // between two looks at a value over a window
constexpr Nanos kRateWindow = 5min;   // of the traffic that is there now
constexpr Nanos kShortestLook = 15s;  // within a slice

constexpr Nanos kSeenFor = 5min;  // a sample, by a query of one instant

// 500 looks over a window, which a server answers at once.
Nanos history_step(Nanos length) { return std::max<Nanos>(std::chrono::ceil<seconds>(length / 500), 15s); }

std::string length_text(Nanos length) {
  int64_t ms = length / 1ms;
  return ms % 1000 == 0 ? fmt::format("{}s", ms / 1000) : fmt::format("{}ms", ms);
}

std::string increase(const std::string& counter, Nanos window) {
  return fmt::format("sum(increase({}[{}]))", selector_of(counter), length_text(window));
}

bool counts_events(const Slo& slo) {
  return slo.indicator.kind == Method::kGoodOfTotal || slo.indicator.kind == Method::kBadOfTotal;
}

// Bad events of counters. A status that never occurred has no series, and is no bad event.
std::string bad_increase(const Slo& slo, Nanos window) {
  std::string part = or_zero(increase(slo.indicator.part, window));
  if (slo.indicator.kind == Method::kBadOfTotal) return part;
  // Two extrapolations may differ by a little more than there is.
  return fmt::format("clamp_min({} - {}, 0)", increase(slo.indicator.total, window), part);
}

// The share of bad at one instant, between 0 and 1, of what is no counter. Nothing where nothing was measured: without
// traffic a ratio and a quantile are NaN, of which a sum is NaN, and which no comparison holds of.
std::string bad_share(const Slo& slo, const Objective& objective) {
  std::string value = operand(with_zeros(slo.indicator.part));
  if (slo.indicator.kind == Method::kFailureRatio) return without_nan(fmt::format("clamp({}, 0, 1)", value));
  if (slo.indicator.kind == Method::kSuccessRatio) return without_nan(fmt::format("clamp(1 - {}, 0, 1)", value));
  return fmt::format("(1 - ({} {} bool {}))", without_nan(value), objective.op, objective.threshold);
}

// The share of good over a slice.
std::string good_of_slice(const Slo& slo, const Objective& objective) {
  Nanos slice = *objective.slice;
  if (counts_events(slo))
    return without_nan(fmt::format("1 - {} / {}", bad_increase(slo, slice), increase(slo.indicator.total, slice)));
  Nanos step = std::max(std::min(slice / 4, kPoint), kShortestLook);
  return fmt::format("(1 - avg(avg_over_time({}[{}:{}])))", bad_share(slo, objective), length_text(slice),
                     length_text(step));
}

BudgetQueries over_points(const std::string& bad, Nanos length, Nanos step) {
  std::string range = fmt::format("[{}:{}]", length_text(length), length_text(step));
  return {fmt::format("sum(sum_over_time({}{}))", bad, range), fmt::format("sum(count_over_time({}{}))", bad, range)};
}

// `months` after the start; the last day of a month that is too short.
Nanos months_later(Nanos start, int64_t months) {
  using namespace std::chrono;
  auto day = floor<days>(start);
  year_month_day first{sys_days(day)};
  year_month month = year_month(first.year(), first.month()) + std::chrono::months(months);
  year_month_day at = month / first.day();
  if (!at.ok()) at = month / last;
  return sys_days(at).time_since_epoch() + (start - day);
}

// The calendar's window that `now` lies in: its begin and its end.
std::pair<Nanos, Nanos> calendar_window(const TimeWindow& window, Nanos now) {
  Nanos start = *window.calendar_start;
  if (std::string_view("mhdw").find(window.period.unit) != std::string_view::npos) {
    Nanos length = window.period.rolling_length();
    Nanos begin = start + (now - start) / length * length;
    return {begin, begin + length};
  }
  int64_t months = window.period.count * (window.period.unit == 'M' ? 1 : window.period.unit == 'Q' ? 3 : 12);
  int64_t k = 1;
  while (months_later(start, k * months) <= now) ++k;
  return {months_later(start, (k - 1) * months), months_later(start, k * months)};
}

}  // namespace

Span span_of(const TimeWindow& window, Nanos now) {
  Nanos period = window.period.rolling_length();
  if (!window.calendar_start || now < *window.calendar_start) return {period, period};
  auto [begin, end] = calendar_window(window, now);
  return {std::max<Nanos>(now - begin, 1min), end - begin};
}

BudgetQueries queries_of(const Slo& slo, const Objective& objective, Nanos length) {
  if (objective.slice) {
    std::string bad = fmt::format("({} < bool {})", good_of_slice(slo, objective), objective.slice_target);
    return over_points(bad, std::max(length, *objective.slice), *objective.slice);
  }
  if (counts_events(slo)) return {bad_increase(slo, length), increase(slo.indicator.total, length)};
  return over_points(bad_share(slo, objective), length, kPoint);
}

std::string history_query(const Slo& slo, Nanos length) {
  std::string seen = counts_events(slo) ? selector_of(slo.indicator.total) : operand(slo.indicator.part);
  return fmt::format("min(min_over_time(timestamp({0})[{1}:{2}])) or min(timestamp({0}))", seen, length_text(length),
                     length_text(history_step(length)));
}

std::optional<Nanos> missing_history(Nanos length, double first_seconds, Nanos now_since_epoch) {
  Nanos missing = length - (now_since_epoch - from_seconds(first_seconds));
  bool told = std::isfinite(first_seconds) && missing > 2 * history_step(length) + kSeenFor;
  return told ? std::optional(missing) : std::nullopt;
}

std::optional<Nanos> unit_of(const Slo& slo, const Objective& objective) {
  if (objective.slice) return objective.slice;
  return counts_events(slo) ? std::nullopt : std::optional(kPoint);
}

std::string rate_query(const Slo& slo) {
  return fmt::format("{} / {:.17g}", increase(slo.indicator.total, kRateWindow), to_seconds(kRateWindow));
}

Result<Budget> make_budget(const Objective& objective, const Span& span, std::optional<double> bad,
                           std::optional<double> total) {
  if (!total || !(*total > 0) || !std::isfinite(*total))
    return fail(Errc::kNotFound, "nothing was counted in the period: without traffic no budget is known");
  if (!bad || !std::isfinite(*bad))
    return fail(
        Errc::kNotFound, "what counts as bad was never seen, whatever its labels say: no budget is known",
        "Look for a misspelt metric, job or label. If the counter appears only with its first error, let the service "
        "start it at 0.");
  double scale = to_seconds(span.period) / to_seconds(span.elapsed);
  return Budget{objective.target, span.period, *bad, *total * scale};
}

std::optional<Nanos> time_to_exhaustion(const Budget& budget, double burn_rate) {
  if (!(burn_rate > 0)) return std::nullopt;
  double periods = std::max(0.0, budget.remaining()) / burn_rate;
  if (periods > 1) return std::nullopt;
  return from_seconds(periods * to_seconds(budget.period));
}

const std::vector<Nanos>& burn_windows() {
  static const std::vector<Nanos> kWindows{5min, 1h, 6h, 72h};
  return kWindows;
}

double Cost::of(const Budget& budget) const {
  double seconds = to_seconds(duration);
  double spoilt = unit ? std::ceil(seconds / to_seconds(*unit)) + 1 : rate * seconds * blast;
  return spoilt / budget.allowed();
}

}  // namespace ordeal::slo
