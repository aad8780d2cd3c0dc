#include "interop/slo/budget.h"

#include <gtest/gtest.h>

#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::slo {
namespace {

constexpr int64_t kNow = 1'800'000'000'000;

Objective objective(double target) {
  Objective one;
  one.target = target;
  return one;
}

// A day of counters and a gauge, a sample a minute: 10 requests a second, of which `bad` fail.
class Day {
 public:
  explicit Day(double bad) {
    for (int64_t minute = -1500; minute <= 0; ++minute) {
      int64_t at = kNow + minute * 60'000;
      double all = static_cast<double>(minute + 1500) * 600;
      store_.append(promql::Labels{{"__name__", "r"}, {"code", "200"}}, at, all * (1 - bad));
      store_.append(promql::Labels{{"__name__", "r"}, {"code", "500"}}, at, all * bad);
      store_.append(promql::Labels{{"__name__", "latency"}}, at, minute % 10 == 0 ? 2 : 0.1);
    }
  }
  double ask(const std::string& query) const {
    auto parsed = promql::parse(query);
    EXPECT_TRUE(parsed) << query << ": " << (parsed ? "" : parsed.error().message());
    if (!parsed) return -1;
    auto result = promql::eval_instant(**parsed, store_, kNow);
    EXPECT_TRUE(result) << query;
    auto numbers = result->numbers();
    EXPECT_EQ(numbers.size(), 1u) << query;
    return numbers.size() == 1 ? numbers[0] : -1;
  }

 private:
  promql::SeriesStore store_{{.keep_ms = 48 * 3600 * 1000}};
};

Slo ratio() {
  Slo slo;
  slo.indicator = {Indicator::Method::kBadOfTotal, "r{code=\"500\"}", "sum(r)"};
  return slo;
}

// The day of data begins 25 hours ago.
TEST(History, ThatIsShorterThanTheWindowIsTold) {
  Day day(0.002);
  Nanos now = milliseconds(kNow);
  Slo gauge;
  gauge.indicator = {Indicator::Method::kThreshold, "latency", ""};
  for (const Slo& slo : {ratio(), gauge}) {
    EXPECT_FALSE(missing_history(24h, day.ask(history_query(slo, 24h)), now));
    auto missing = missing_history(40h, day.ask(history_query(slo, 40h)), now);
    ASSERT_TRUE(missing);
    EXPECT_NEAR(to_seconds(*missing), 15 * 3600, 600);
  }
}

TEST(Budget, OfEvents) {
  Day day(0.002);
  BudgetQueries queries = queries_of(ratio(), objective(0.99), 24h);
  double bad = day.ask(queries.bad), total = day.ask(queries.total);
  EXPECT_NEAR(total, 864'000, 1000);
  EXPECT_NEAR(bad, 1728, 5);
  auto budget = make_budget(objective(0.99), {24h, 24h}, bad, total);
  ASSERT_TRUE(budget);
  EXPECT_NEAR(budget->allowed(), 8640, 10);
  EXPECT_NEAR(budget->remaining(), 0.8, 1e-3);
  EXPECT_NEAR(day.ask(rate_query(ratio())), 10, 0.1);
}

TEST(Budget, OfGoodEvents) {
  Day day(0.002);
  Slo slo = ratio();
  slo.indicator = {Indicator::Method::kGoodOfTotal, "r{code=\"200\"}", "r"};
  EXPECT_NEAR(day.ask(queries_of(slo, objective(0.99), 24h).bad), 1728, 5);
}

TEST(Budget, AStatusThatNeverOccurredIsNoBadEvent) {
  Day day(0);
  Slo slo = ratio();
  slo.indicator.part = "r{code=\"503\"}";
  EXPECT_EQ(day.ask(queries_of(slo, objective(0.99), 24h).bad), 0);
}

TEST(Budget, OfAValueThatIsComparedMinuteByMinute) {
  Day day(0);
  Slo slo;
  slo.indicator = {Indicator::Method::kThreshold, "latency", ""};
  Objective one = objective(0.8);
  one.op = "<";
  one.threshold = 1;
  BudgetQueries queries = queries_of(slo, one, 10h);
  EXPECT_NEAR(day.ask(queries.total), 600, 1);
  EXPECT_NEAR(day.ask(queries.bad), 60, 1) << "every tenth minute is slow";
}

TEST(Budget, OfRatiosThatAreComputedAlready) {
  Day day(0.25);
  Slo slo;
  slo.indicator = {Indicator::Method::kFailureRatio, "sum(rate(r{code=\"500\"}[5m])) / sum(rate(r[5m]))", ""};
  BudgetQueries queries = queries_of(slo, objective(0.5), 10h);
  EXPECT_NEAR(day.ask(queries.bad) / day.ask(queries.total), 0.25, 1e-9);
  slo.indicator.kind = Indicator::Method::kSuccessRatio;
  queries = queries_of(slo, objective(0.5), 10h);
  EXPECT_NEAR(day.ask(queries.bad) / day.ask(queries.total), 0.75, 1e-9);
}

TEST(Budget, OfSlices) {
  Day fine(0.02), poor(0.08);
  Objective slices = objective(0.9);
  slices.slice = 10min;
  slices.slice_target = 0.95;
  BudgetQueries queries = queries_of(ratio(), slices, 10h);
  EXPECT_NEAR(fine.ask(queries.total), 60, 1);
  EXPECT_EQ(fine.ask(queries.bad), 0);
  EXPECT_EQ(poor.ask(queries.bad), poor.ask(queries.total));
  EXPECT_EQ(unit_of(ratio(), slices), 10min);
}

TEST(Budget, WithoutTrafficNothingIsKnown) { EXPECT_FALSE(make_budget(objective(0.9), {1h, 1h}, 0, 0)); }

TEST(Burn, TellsWhenTheBudgetIsGone) {
  Budget budget{0.999, 720h, 500, 1'000'000};
  EXPECT_DOUBLE_EQ(budget.remaining(), 0.5);
  auto left = time_to_exhaustion(budget, 14.4);
  ASSERT_TRUE(left);
  EXPECT_NEAR(to_seconds(*left), 0.5 * 720 * 3600 / 14.4, 1);
  EXPECT_FALSE(time_to_exhaustion(budget, 0));
  budget.bad = 5000;
  EXPECT_EQ(time_to_exhaustion(budget, 1), Nanos(0)) << "it is gone already";
}

TEST(Cost, IsWhatTheVictimsWouldHaveServed) {
  Budget budget{0.99, 720h, 0, 100'000};
  EXPECT_NEAR((Cost{60s, 0.5, 10, {}}.of(budget)), 0.3, 1e-12);
}

TEST(Cost, OfSlicesIsEachThatTheRunTouches) {
  Budget budget{0.9, 720h, 0, 100};
  EXPECT_NEAR((Cost{61s, 0.01, 0, 1min}.of(budget)), 0.3, 1e-12) << "0:59 to 2:00";
  EXPECT_NEAR((Cost{1s, 1, 0, 10min}.of(budget)), 0.2, 1e-12);
  Slo slo;
  slo.indicator = {Indicator::Method::kThreshold, "latency", ""};
  EXPECT_EQ(unit_of(slo, objective(0.9)), 1min);
  EXPECT_FALSE(unit_of(ratio(), objective(0.9)));
}

Nanos utc(const std::string& text) { return *parse_rfc3339(text); }

TEST(SpanOf, ARollingWindowIsWhole) {
  Span span = span_of({{4, 'w'}, {}}, utc("2026-11-25T00:00:00Z"));
  EXPECT_EQ(span.period, 672h);
  EXPECT_EQ(span.elapsed, span.period);
}

TEST(SpanOf, ACalendarWindowHasBegun) {
  Nanos start = utc("2026-01-01T00:00:00Z");
  EXPECT_EQ(span_of({{1, 'M'}, start}, utc("2026-11-25T12:00:00Z")).elapsed, 24h * 24 + 12h);
  EXPECT_EQ(span_of({{1, 'Q'}, start}, utc("2026-11-25T00:00:00Z")).elapsed, 24h * (31 + 24));
  EXPECT_EQ(span_of({{1, 'M'}, start}, utc("2026-11-25T12:00:00Z")).period, 24h * 30);
  EXPECT_EQ(span_of({{1, 'M'}, start}, utc("2026-02-10T00:00:00Z")).period, 24h * 28);
  EXPECT_EQ(span_of({{1, 'Y'}, start}, utc("2028-02-10T00:00:00Z")).period, 24h * 366);
  EXPECT_EQ(span_of({{1, 'w'}, start}, utc("2026-01-10T00:00:00Z")).elapsed, 48h);
  EXPECT_EQ(span_of({{1, 'M'}, utc("2026-01-31T00:00:00Z")}, utc("2026-03-01T00:00:00Z")).elapsed, 24h)
      << "February has no 31st";
  EXPECT_EQ(span_of({{1, 'M'}, start}, start + 1s).elapsed, 1min) << "never less than a minute";
}

TEST(MakeBudget, ProjectsACalendarWindow) {
  auto budget = make_budget(objective(0.99), {180h, 720h}, 100, 10'000);
  ASSERT_TRUE(budget);
  EXPECT_NEAR(budget->allowed(), 400, 1e-9);
  EXPECT_NEAR(budget->remaining(), 0.75, 1e-12);
}

}  // namespace
}  // namespace ordeal::slo
