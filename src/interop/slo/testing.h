// A day, or more, of a shop's metrics for tests: its traffic minute by minute, with idle times, and what of it fails or
// is slow. A series appears with its first event, as those of most client libraries do.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "interop/slo/budget.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::slo::testing {

constexpr int64_t kNow = 1'800'000'000'000, kMinute = 60'000;

struct Traffic {
  const char* name;
  std::function<bool(int64_t minute)> busy;  // counted from the begin
  double bad = 0;                            // the share of the requests that fail, and are slow
};

inline bool always(int64_t) { return true; }
inline bool never(int64_t) { return false; }
inline bool by_day(int64_t minute) { return (minute - 1) % 1440 < 720; }  // idle at the end
inline bool but_ten(int64_t minute) { return minute < 700 || minute >= 710; }

// requests_total{job="shop", code}, http_request_duration_seconds_bucket{le}: 60 requests in a busy minute.
inline void fill(promql::SeriesStore& store, const Traffic& world, int64_t minutes) {
  double good = 0, bad = 0;
  bool seen = false;
  for (int64_t minute = -30; minute <= minutes; ++minute) {
    int64_t at = kNow + (minute - minutes) * kMinute;
    if (world.busy(std::max<int64_t>(minute, 0))) good += 60 * (1 - world.bad), bad += 60 * world.bad, seen = true;
    auto put = [&](const promql::Labels& labels, double value) { store.append(labels, at, value); };
    if (good > 0) put({{"__name__", "requests_total"}, {"job", "shop"}, {"code", "200"}}, good);
    if (bad > 0) put({{"__name__", "requests_total"}, {"job", "shop"}, {"code", "500"}}, bad);
    if (!seen) continue;
    put({{"__name__", "http_request_duration_seconds_bucket"}, {"job", "shop"}, {"le", "0.25"}}, good);
    put({{"__name__", "http_request_duration_seconds_bucket"}, {"job", "shop"}, {"le", "4"}}, good + bad);
    put({{"__name__", "http_request_duration_seconds_bucket"}, {"job", "shop"}, {"le", "+Inf"}}, good + bad);
  }
}

class Shop {
 public:
  explicit Shop(const Traffic& world, Nanos length = 24h) : length_(length) { fill(store_, world, length / 1min); }

  Result<promql::QueryResult> evaluate(const std::string& query, int64_t at_ms = kNow) const {
    auto parsed = TRY(promql::parse(query));
    return promql::eval_instant(*parsed, store_, at_ms);
  }
  // The one number, as `ordeal budget` takes it.
  std::optional<double> number(const std::string& query, int64_t at_ms = kNow) const {
    auto result = evaluate(query, at_ms);
    if (!result || result->numbers().size() != 1) return std::nullopt;
    return result->numbers()[0];
  }
  // What is left of the budget of the whole time; nothing where it is not known.
  std::optional<double> left(const Slo& slo, const Objective& objective) const {
    BudgetQueries queries = queries_of(slo, objective, length_);
    auto budget = make_budget(objective, {length_, length_}, number(queries.bad), number(queries.total));
    return budget ? std::optional(budget->remaining()) : std::nullopt;
  }

 private:
  Nanos length_;
  promql::SeriesStore store_{{.keep_ms = 80 * 60 * kMinute}};
};

}  // namespace ordeal::slo::testing
