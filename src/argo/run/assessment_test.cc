// When a metric and a run have ended, and how.
#include "argo/run/assessment.h"

#include "argo/testing.h"

namespace ordeal::argo {
namespace {

struct Counts {
  int64_t failed = 0, successful = 0, inconclusive = 0, error = 0;
  int64_t consecutive_error = 0, consecutive_success = 0;
  int64_t measured() const { return failed + successful + inconclusive; }
};

struct Row {
  const char* rule;
  const char* metric;  // YAML
  Counts counts;
  Phase running, terminating;  // what the metric is then
  bool measured = true;
  bool in_flight = false;
  Phase before = Phase::kRunning;
};

MetricResult result_of(const Row& row) {
  MetricResult result;
  result.phase = row.before;
  result.failed = row.counts.failed;
  result.successful = row.counts.successful;
  result.inconclusive = row.counts.inconclusive;
  result.error = row.counts.error;
  result.count = row.counts.measured();
  result.consecutive_error = row.counts.consecutive_error;
  result.consecutive_success = row.counts.consecutive_success;
  result.in_flight = row.in_flight;
  if (row.measured) result.measurements.emplace_back();
  return result;
}

constexpr auto S = Phase::kSuccessful, F = Phase::kFailed, E = Phase::kError, I = Phase::kInconclusive,
               R = Phase::kRunning, P = Phase::kPending;
// clang-format off
const Row kRows[] = {
    {"what has ended stays", "interval: 60s", {.failed = 9}, S, S, true, false, S},
    {"without a measurement", "interval: 60s", {}, P, S, false},
    {"while one is under way", "interval: 60s", {.failed = 9}, R, R, true, true},
    {"3 failed, limit 2", "interval: 60s\nfailureLimit: 2", {.failed = 3}, F, F},
    {"3 failed, limit 3", "interval: 60s\nfailureLimit: 3", {.failed = 3}, R, S},
    {"the limit is 0 by itself", "interval: 60s", {.failed = 1}, F, F},
    {"-1 is none", "interval: 60s\nfailureLimit: -1\nconsecutiveSuccessLimit: 5", {.failed = 99}, R, S},
    {"3 inconclusive, limit 2", "interval: 60s\ninconclusiveLimit: 2", {.inconclusive = 3}, I, I},
    {"3 inconclusive, limit 3", "interval: 60s\ninconclusiveLimit: 3", {.inconclusive = 3}, R, S},
    {"the limit is 0 by itself", "interval: 60s", {.inconclusive = 1}, I, I},
    {"the fifth error in a row", "interval: 60s", {.error = 5, .consecutive_error = 5}, E, E},
    {"the fourth", "interval: 60s", {.error = 4, .consecutive_error = 4}, R, S},
    {"a limit of 0", "interval: 60s\nconsecutiveErrorLimit: 0", {.error = 1, .consecutive_error = 1}, E, E},
    {"Error over Inconclusive over Failed", "interval: 60s", {.failed = 1, .inconclusive = 1, .error = 5, .consecutive_error = 5}, E, E},
    {"Inconclusive over Failed", "interval: 60s", {.failed = 1, .inconclusive = 1}, I, I},
    {"a limit is exceeded, not reached", "interval: 60s\nfailureLimit: 3", {.failed = 4}, F, F},
    {"so many successes in a row", "interval: 60s\nfailureLimit: -1\nconsecutiveSuccessLimit: 3", {.failed = 3, .successful = 4, .consecutive_success = 3}, S, S},
    {"not yet", "interval: 60s\nfailureLimit: -1\nconsecutiveSuccessLimit: 5", {.failed = 3, .successful = 4, .consecutive_success = 3}, R, S},
    {"before the count", "interval: 60s\ncount: 9\nfailureLimit: -1\nconsecutiveSuccessLimit: 3", {.failed = 3, .successful = 4, .consecutive_success = 3}, S, S},
    {"at the count", "interval: 60s\ncount: 7\nfailureLimit: -1\nconsecutiveSuccessLimit: 3", {.failed = 3, .successful = 4, .consecutive_success = 3}, S, S},
    {"neither", "interval: 60s\ncount: 9\nfailureLimit: -1\nconsecutiveSuccessLimit: 5", {.failed = 3, .successful = 4, .consecutive_success = 3}, R, S},
    {"the count without the successes, no failure limit", "interval: 60s\ncount: 7\nfailureLimit: -1\nconsecutiveSuccessLimit: 5", {.failed = 3, .successful = 4, .consecutive_success = 3}, F, F},
    {"and with one", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 4, .successful = 6, .consecutive_success = 3}, I, I},
    {"the count", "interval: 60s\ncount: 10", {.successful = 10}, S, S},
    {"the count with fewer failures than the limit", "interval: 60s\ncount: 10\nfailureLimit: 5", {.failed = 5, .successful = 5}, S, S},
    {"a violation wins over the count", "interval: 60s\ncount: 10\ninconclusiveLimit: 4", {.successful = 5, .inconclusive = 5}, I, I},
    {"terminating, and nothing violated", "interval: 60s", {.successful = 1}, R, S},
    {"else it goes on", "interval: 60s\ncount: 10", {.successful = 9}, R, S},
    // both limits (upstream's matrix)
    {"neither, no count", "interval: 60s\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 3, .successful = 4, .consecutive_success = 3}, R, S},
    {"failures, no count", "interval: 60s\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 5, .successful = 4}, F, F},
    {"successes, no count", "interval: 60s\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 3, .successful = 5, .consecutive_success = 4}, S, S},
    {"failures win, no count", "interval: 60s\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 5, .successful = 5, .consecutive_success = 4}, F, F},
    {"failures at the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 5, .successful = 5, .consecutive_success = 3}, F, F},
    {"successes at the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 4, .successful = 6, .consecutive_success = 4}, S, S},
    {"failures win at the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 5, .successful = 5, .consecutive_success = 4}, F, F},
    {"before the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 3, .successful = 5, .consecutive_success = 3}, R, S},
    {"failures before the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 5, .successful = 3, .consecutive_success = 3}, F, F},
    {"successes before the count", "interval: 60s\ncount: 10\nfailureLimit: 4\nconsecutiveSuccessLimit: 4", {.failed = 3, .successful = 5, .consecutive_success = 4}, S, S},
};
// clang-format on

TEST(Metric, FollowsTheRules) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.rule);
    Metric metric = metric_of(row.metric);
    MetricResult result = result_of(row);
    EXPECT_EQ(to_text(assess_metric(metric, result, false)), to_text(row.running));
    EXPECT_EQ(to_text(assess_metric(metric, result, true)), to_text(row.terminating));
  }
}

TEST(Metric, R1ToR3TellTheEffectiveCount) {
  EXPECT_EQ(effective_count(metric_of("")), 1);
  EXPECT_EQ(effective_count(metric_of("interval: 1m")), std::nullopt);
  EXPECT_EQ(effective_count(metric_of("interval: 1m\ncount: 0")), std::nullopt);
  EXPECT_EQ(effective_count(metric_of("interval: 1m\ncount: 7")), 7);
}

struct Taken {
  const char* rule;
  Phase phase;
  int64_t count, consecutive_error, consecutive_success;  // afterwards; before, both rows were 2 and 3
};
TEST(Metric, CountsByTheRules) {
  // clang-format off
  const Taken kTaken[] = {
      {"a success", S, 11, 0, 4},
      {"a failure", F, 11, 0, 0},
      {"an inconclusive one", I, 11, 0, 0},
      {"an error does not count", E, 10, 3, 0},
  };
  // clang-format on
  for (const Taken& row : kTaken) {
    SCOPED_TRACE(row.rule);
    MetricResult result;
    result.count = 10, result.consecutive_error = 2, result.consecutive_success = 3;
    Measurement measurement;
    measurement.phase = row.phase;
    take_in(result, measurement, 10);
    EXPECT_EQ(result.count, row.count);
    EXPECT_EQ(result.consecutive_error, row.consecutive_error);
    EXPECT_EQ(result.consecutive_success, row.consecutive_success);
  }
}

TEST(Metric, R43KeepsTheLastMeasurements) {
  MetricResult result;
  for (int i = 0; i < 25; ++i) {
    Measurement measurement;
    measurement.value = std::to_string(i);
    take_in(result, measurement, 10);
  }
  ASSERT_EQ(result.measurements.size(), 10u);
  EXPECT_EQ(result.measurements.front().value, "15");
}

// A metric of a run: its phase before, how often it failed, and whether it is a dry run.
struct Part {
  Phase before;
  Counts counts;
  bool dry_run = false;
  bool measured = true;
  const char* message = "";
};
struct RunRow {
  const char* rule;
  std::vector<Part> parts;  // m0, m1, …, each with interval 60s
  bool terminate;
  Phase phase;
  const char* message;
  std::vector<Phase> after = {};  // of the parts, where that is the point
};
// clang-format off
const RunRow kRuns[] = {
    {"Running until all have ended", {{R, {.successful = 1}}, {S, {}}}, false, R, ""},
    {"a metric that waits is not ended", {{P, {}, false, false}, {S, {}}}, false, R, ""},
    {"all Successful", {{S, {}}, {S, {}}}, false, S, ""},
    {"Inconclusive is worse", {{S, {}}, {I, {.inconclusive = 1}}}, false, I, "Metric \"m1\" assessed Inconclusive due to inconclusive (1) > inconclusiveLimit (0)"},
    {"Error is worse", {{I, {.inconclusive = 1}}, {E, {.error = 5, .consecutive_error = 5}}}, false, E, "Metric \"m1\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)"},
    {"Failed is the worst", {{F, {.failed = 1}}, {E, {.error = 5, .consecutive_error = 5}}}, false, F, "Metric \"m0\" assessed Failed due to failed (1) > failureLimit (0)"},
    {"one that failed ends the others", {{F, {.failed = 1}}, {R, {.successful = 1}}}, false, F, "Metric \"m0\" assessed Failed due to failed (1) > failureLimit (0)", {F, S}},
    {"but for what violates a limit itself", {{F, {.failed = 1}}, {R, {.failed = 1}}}, false, F, "Metric \"m0\" assessed Failed due to failed (1) > failureLimit (0)", {F, F}},
    {"also those that wait", {{E, {.error = 5, .consecutive_error = 5}}, {P, {}, false, false}}, false, E, "Metric \"m0\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4)", {E, P}},
    {"terminated", {{R, {.successful = 1}}}, true, S, "Run Terminated", {S}},
    {"before anything was measured", {{P, {}, false, false}}, true, S, "Run Terminated"},
    {"with a failure", {{R, {.failed = 1}}}, true, F, "Metric \"m0\" assessed Failed due to failed (1) > failureLimit (0)"},
    {"a dry run that fails does not count", {{S, {}}, {F, {.failed = 1}, true}}, false, S, ""},
    {"nor does it end the others", {{R, {.successful = 1}}, {F, {.failed = 1}, true}}, false, R, "", {R, F}},
    {"nothing but dry runs", {{F, {.failed = 1}, true}, {E, {.error = 5, .consecutive_error = 5}, true}}, false, S, ""},
    {"with the measurement's message", {{E, {.error = 5, .consecutive_error = 5}, false, true, "no route"}}, false, E, "Metric \"m0\" assessed Error due to consecutiveErrors (5) > consecutiveErrorLimit (4): \"Error Message: no route\""},
    {"the first of the worst", {{F, {.failed = 1}}, {F, {.failed = 2}}}, false, F, "Metric \"m0\" assessed Failed due to failed (1) > failureLimit (0)"},
};
// clang-format on

TEST(Run, FollowsTheRules) {
  for (const RunRow& row : kRuns) {
    SCOPED_TRACE(row.rule);
    std::vector<Metric> metrics;
    std::vector<MetricResult> results;
    for (size_t i = 0; i < row.parts.size(); ++i) {
      const Part& part = row.parts[i];
      metrics.push_back(metric_of("interval: 60s"));
      MetricResult result = result_of({"", "", part.counts, R, R, part.measured, false, part.before});
      result.name = metrics.back().name = "m" + std::to_string(i);
      result.dry_run = part.dry_run;
      result.message = part.message;
      results.push_back(std::move(result));
    }
    RunAssessment assessment = assess_run({metrics, results, row.terminate});
    EXPECT_EQ(to_text(assessment.phase), to_text(row.phase));
    EXPECT_EQ(assessment.message, row.message);
    for (size_t i = 0; i < row.after.size(); ++i) EXPECT_EQ(to_text(results[i].phase), to_text(row.after[i])) << i;
  }
}

TEST(Run, R41ADryRunKeepsItsReason) {
  std::vector<Metric> metrics{metric_of("interval: 60s")};
  std::vector<MetricResult> results{result_of({"", "", {.failed = 1}, R, R})};
  results[0].dry_run = true;
  assess_run({metrics, results, false});
  EXPECT_EQ(results[0].message, "Metric assessed Failed due to failed (1) > failureLimit (0)");
}

}  // namespace
}  // namespace ordeal::argo
