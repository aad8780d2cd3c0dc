#include "prometheus/promql/functions/function_table.h"

#include <algorithm>
#include <cmath>

#include "prometheus/promql/functions/functions.h"

namespace ordeal::promql {
namespace {

constexpr ValueKind kS = ValueKind::kScalar;
constexpr ValueKind kV = ValueKind::kVector;
constexpr ValueKind kM = ValueKind::kMatrix;
constexpr ValueKind kT = ValueKind::kString;
constexpr double kDegreesPerRadian = 57.29577951308232087680;

FunctionSpec map(std::string_view name, MapFunction function) {
  return {name, {kV}, kV, 0, FunctionStatus::kReady, function};
}

FunctionSpec window(std::string_view name, WindowFunction function, std::vector<ValueKind> arguments = {kM}) {
  return {name, std::move(arguments), kV, 0, FunctionStatus::kReady, function};
}

FunctionSpec general(std::string_view name, std::vector<ValueKind> arguments, ValueKind returns,
                     GeneralFunction function, int optional = 0) {
  return {name, std::move(arguments), returns, optional, FunctionStatus::kReady, function};
}

FunctionSpec refused(std::string_view name, FunctionStatus status) { return {name, {}, kV, kAnyNumber, status}; }

double sign_of(double value) { return std::isnan(value) ? value : value > 0 ? 1 : value < 0 ? -1 : 0; }

// A sample of the series itself, not something that was computed of it.
FunctionSpec of_series(std::string_view name, WindowFunction function) {
  FunctionSpec spec = window(name, function);
  spec.keeps_name = true;
  return spec;
}

FunctionSpec of_counters(std::string_view name, WindowFunction function) {
  FunctionSpec spec = window(name, function);
  spec.of_counters = true;
  return spec;
}

FunctionSpec relabelling(std::string_view name, std::vector<ValueKind> arguments, GeneralFunction function,
                         int optional = 0) {
  FunctionSpec spec = general(name, std::move(arguments), kV, function, optional);
  spec.writes_labels = true;
  return spec;
}

FunctionSpec of_quantile(FunctionSpec spec) {
  spec.quantile_argument = 0;
  return spec;
}

std::vector<FunctionSpec> make_table() {  // NOLINT(readability-function-size): one line per function
  using Status = FunctionStatus;
  std::vector<FunctionSpec> table = {
      map("abs", [](double v) { return std::abs(v); }),
      map("acos", [](double v) { return std::acos(v); }),
      map("acosh", [](double v) { return std::acosh(v); }),
      map("asin", [](double v) { return std::asin(v); }),
      map("asinh", [](double v) { return std::asinh(v); }),
      map("atan", [](double v) { return std::atan(v); }),
      map("atanh", [](double v) { return std::atanh(v); }),
      map("ceil", [](double v) { return std::ceil(v); }),
      map("cos", [](double v) { return std::cos(v); }),
      map("cosh", [](double v) { return std::cosh(v); }),
      map("deg", [](double v) { return v * kDegreesPerRadian; }),
      map("exp", [](double v) { return std::exp(v); }),
      map("floor", [](double v) { return std::floor(v); }),
      map("ln", [](double v) { return std::log(v); }),
      map("log10", [](double v) { return std::log10(v); }),
      map("log2", [](double v) { return std::log2(v); }),
      map("rad", [](double v) { return v / kDegreesPerRadian; }),
      map("sgn", sign_of),
      map("sin", [](double v) { return std::sin(v); }),
      map("sinh", [](double v) { return std::sinh(v); }),
      map("sqrt", [](double v) { return std::sqrt(v); }),
      map("tan", [](double v) { return std::tan(v); }),
      map("tanh", [](double v) { return std::tanh(v); }),

      window("avg_over_time", window_avg),
      window("changes", window_changes),
      window("count_over_time", window_count),
      window("delta", window_delta),
      window("deriv", window_deriv),
      of_series("first_over_time", window_first),
      window("idelta", window_idelta),
      of_counters("increase", window_increase),
      window("irate", window_irate),
      of_series("last_over_time", window_last),
      window("max_over_time", window_max),
      window("min_over_time", window_min),
      window("predict_linear", window_predict_linear, {kM, kS}),
      window("present_over_time", window_present),
      of_quantile(window("quantile_over_time", window_quantile, {kS, kM})),
      of_counters("rate", window_rate),
      window("resets", window_resets),
      window("stddev_over_time", window_stddev),
      window("stdvar_over_time", window_stdvar),
      window("sum_over_time", window_sum),

      general("absent", {kV}, kV, call_absent),
      general("absent_over_time", {kM}, kV, call_absent_over_time),
      general("clamp", {kV, kS, kS}, kV, call_clamp),
      general("clamp_max", {kV, kS}, kV, call_clamp_max),
      general("clamp_min", {kV, kS}, kV, call_clamp_min),
      of_quantile(general("histogram_quantile", {kS, kV}, kV, call_histogram_quantile)),
      relabelling("label_replace", {kV, kT, kT, kT, kT}, call_label_replace),
      general("pi", {}, kS, call_pi),
      general("round", {kV, kS}, kV, call_round, 1),
      general("scalar", {kV}, kS, call_scalar),
      general("sort", {kV}, kV, call_sort),
      general("sort_desc", {kV}, kV, call_sort_desc),
      general("time", {}, kS, call_time),
      general("timestamp", {kV}, kV, call_timestamp),
      general("vector", {kS}, kV, call_vector),

      general("day_of_month", {kV}, kV, call_day_of_month, 1),
      general("day_of_week", {kV}, kV, call_day_of_week, 1),
      general("day_of_year", {kV}, kV, call_day_of_year, 1),
      general("days_in_month", {kV}, kV, call_days_in_month, 1),
      general("histogram_fraction", {kS, kS, kV}, kV, call_histogram_fraction),
      general("hour", {kV}, kV, call_hour, 1),
      relabelling("label_join", {kV, kT, kT, kT}, call_label_join, kAnyNumber),
      general("minute", {kV}, kV, call_minute, 1),
      general("month", {kV}, kV, call_month, 1),
      general("year", {kV}, kV, call_year, 1),
  };
  for (const char* name :
       {"double_exponential_smoothing", "end", "histogram_quantiles", "info", "integral", "max_of", "min_of",
        "mad_over_time", "range", "sort_by_label", "sort_by_label_desc", "start", "start_timestamp", "step",
        "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time"}) {
    table.push_back(refused(name, Status::kExperimental));
  }
  for (const char* name :
       {"histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum"}) {
    table.push_back(refused(name, Status::kNative));
  }
  std::sort(table.begin(), table.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return table;
}

}  // namespace

const FunctionSpec* function_named(std::string_view name) {
  static const std::vector<FunctionSpec> kTable = make_table();
  auto found = std::lower_bound(kTable.begin(), kTable.end(), name,
                                [](const FunctionSpec& spec, std::string_view wanted) { return spec.name < wanted; });
  return found != kTable.end() && found->name == name ? &*found : nullptr;
}

}  // namespace ordeal::promql
