// What the functions of PromQL do, by family; function_table.cc gives them their names. Internal to src/promql.
#pragma once

#include <optional>
#include <vector>

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

// rate.cc: counters and changes
std::optional<double> window_rate(const Window& window);
std::optional<double> window_increase(const Window& window);
std::optional<double> window_delta(const Window& window);
std::optional<double> window_irate(const Window& window);
std::optional<double> window_idelta(const Window& window);
std::optional<double> window_changes(const Window& window);
std::optional<double> window_resets(const Window& window);
std::optional<double> window_deriv(const Window& window);
std::optional<double> window_predict_linear(const Window& window);

// over_time.cc
std::optional<double> window_sum(const Window& window);
std::optional<double> window_avg(const Window& window);
std::optional<double> window_min(const Window& window);
std::optional<double> window_max(const Window& window);
std::optional<double> window_count(const Window& window);
std::optional<double> window_first(const Window& window);
std::optional<double> window_last(const Window& window);
std::optional<double> window_present(const Window& window);
std::optional<double> window_quantile(const Window& window);
std::optional<double> window_stddev(const Window& window);
std::optional<double> window_stdvar(const Window& window);

// vector.cc: on whole vectors
Result<Value> call_absent(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_absent_over_time(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_clamp(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_clamp_max(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_clamp_min(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_label_join(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_label_replace(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_pi(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_round(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_scalar(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_sort(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_sort_desc(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_time(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_timestamp(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_vector(const CallSite& site, std::vector<Value>& arguments);

// histogram.cc
Result<Value> call_histogram_fraction(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_histogram_quantile(const CallSite& site, std::vector<Value>& arguments);

// date.cc: of Unix seconds, in UTC; without an argument, of the time of the query
Result<Value> call_day_of_month(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_day_of_week(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_day_of_year(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_days_in_month(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_hour(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_minute(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_month(const CallSite& site, std::vector<Value>& arguments);
Result<Value> call_year(const CallSite& site, std::vector<Value>& arguments);

}  // namespace ordeal::promql
