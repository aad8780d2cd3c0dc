// Alerts over times without traffic, and of what never occurred: silent while all is well or nothing happens, firing
// while all fails, also where no request ever succeeded, so that there is no series of good ones.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "interop/dashboard/panel.h"
#include "interop/dashboard/rules.h"
#include "interop/slo/testing.h"

namespace ordeal::dashboard {
namespace {

using slo::testing::kNow;
using slo::testing::Shop;
using slo::testing::Traffic;
using Method = slo::Indicator::Method;

constexpr const char* kErrors = "sum(rate(requests_total{code=~\"5..\"}[5m])) / sum(rate(requests_total[5m]))";
constexpr const char* kSuccesses = "sum(rate(requests_total{code=\"200\"}[5m])) / sum(rate(requests_total[5m])) # good";
constexpr const char* kSlow = "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))";

Experiment idle_experiment() {
  Experiment one;
  auto add = [&](const char* query, const char* condition) {
    Expectation expectation;
    expectation.name = condition;
    expectation.query = query;
    expectation.condition = condition;
    one.expect.push_back(expectation);
  };
  add(kSuccesses, "result >= 0.99");
  add(kSuccesses, "result > 0.99");
  add(kSuccesses, "result == 1");
  add(kSlow, "result <= 0.5");
  add("sum(rate(requests_total{code=\"500\"}[5m])) / sum(rate(requests_total[5m]))", "result < 0.01");
  add("sum(rate(requests_total{code=\"500\"}[5m])) / sum(rate(requests_total[5m]))", "result != 1");
  return one;
}

std::vector<slo::Slo> objectives() {
  std::vector<slo::Slo> all;
  for (const slo::Indicator& indicator : {
           slo::Indicator{Method::kBadOfTotal, "requests_total{code=~\"5..\"}", "requests_total"},
           slo::Indicator{Method::kGoodOfTotal, "requests_total{code=\"200\"}", "requests_total"},
           slo::Indicator{Method::kSuccessRatio, kSuccesses, ""},
           slo::Indicator{Method::kFailureRatio, kErrors, ""},
           slo::Indicator{Method::kThreshold, kSlow, ""},
       }) {
    slo::Slo slo;
    slo.name = fmt::format("indicator {}", all.size());
    slo.indicator = indicator;
    slo.objectives.resize(1);
    slo.objectives[0].target = 0.99;
    slo.objectives[0].op = "<=";
    slo.objectives[0].threshold = 0.5;
    all.push_back(slo);
  }
  return all;
}

enum class Alerts { kSilent, kFiring };

struct Row {
  Traffic world;
  int64_t at_ms;
  Alerts right;
};

const Row kRows[] = {
    {{"busy and healthy", slo::testing::always, 0}, kNow, Alerts::kSilent},
    {{"idle and healthy before", slo::testing::by_day, 0}, kNow, Alerts::kSilent},
    {{"idle for half a day after all failed", slo::testing::by_day, 1}, kNow, Alerts::kSilent},
    {{"all fail", slo::testing::always, 1}, kNow, Alerts::kFiring},
    {{"all fail, and nothing came for ten minutes", [](int64_t minute) { return minute < 1000 || minute >= 1010; }, 1},
     kNow,
     Alerts::kFiring},
    {{"idle for forty minutes after all failed", [](int64_t minute) { return minute < 1400; }, 1},
     kNow,
     Alerts::kSilent},
    {{"never seen", slo::testing::never, 0}, kNow, Alerts::kSilent},
};

TEST(IdleAlerts, FireWhileSomethingFailsAndOnlyThen) {
  for (const Row& row : kRows) {
    Shop shop(row.world);
    for (const RuleGroup& group : rules_for(idle_experiment(), objectives()))
      for (const Rule& rule : group.rules) {
        // What lasts for days asks for more than a day.
        bool is_own = rule.alert == "OrdealAttackUnderWay", is_long = rule.severity == "ticket";
        if (is_own || is_long) continue;
        auto result = shop.evaluate(rule.expr, row.at_ms);
        ASSERT_TRUE(result) << rule.expr;
        EXPECT_EQ(!result->vector.empty(), row.right == Alerts::kFiring) << row.world.name << "\n"
                                                                         << group.name << ": " << rule.alert << "\n"
                                                                         << rule.expr;
      }
  }
}

// A panel of a budget shows no number where there is none, and the burn rate where all fails.
TEST(IdlePanels, OfBudgetsHaveNoValueWithoutTrafficAndTheRightOneElse) {
  for (const Row& row : kRows) {
    Shop shop(row.world);
    for (const Panel& panel : panels_for(std::nullopt, objectives())) {
      if (!panel.title.starts_with("Error Budget")) continue;
      for (const PanelQuery& query : panel.queries) {
        auto burn = shop.number(query.expr, row.at_ms);
        bool firing = row.right == Alerts::kFiring, healthy = row.world.bad == 0;
        if (firing) {
          EXPECT_NEAR(burn.value_or(-1), 100, 1) << row.world.name << "\n" << query.expr;
        }
        bool shows_number = burn && *burn == *burn;
        if (!firing && healthy && shows_number) {
          EXPECT_EQ(*burn, 0) << row.world.name << "\n" << query.expr;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ordeal::dashboard
