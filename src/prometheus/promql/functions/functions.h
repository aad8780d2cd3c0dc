// What the functions of PromQL do, by family; function_table.cc gives them their names. Internal to
// src/prometheus/promql.
#pragma once

#include <vector>

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

// rate.cc: counters and changes
double window_rate(const Window& window);
double window_increase(const Window& window);
double window_delta(const Window& window);
double window_irate(const Window& window);
double window_idelta(const Window& window);
double window_changes(const Window& window);
double window_resets(const Window& window);
double window_deriv(const Window& window);
double window_predict_linear(const Window& window);

// over_time.cc
double window_sum(const Window& window);
double window_avg(const Window& window);
double window_min(const Window& window);
double window_max(const Window& window);
double window_count(const Window& window);
double window_first(const Window& window);
double window_last(const Window& window);
double window_present(const Window& window);
double window_quantile(const Window& window);
double window_stddev(const Window& window);
double window_stdvar(const Window& window);

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
