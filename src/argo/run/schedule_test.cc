// R1 to R10: when a metric is measured. The run began at 0; `now` and the rest count from there.
#include "argo/run/schedule.h"

#include "argo/testing.h"

namespace ordeal::argo {
namespace {

constexpr Nanos kBegin = 0s;

struct Last {
  Phase phase;
  Nanos finished;
};

struct Row {
  const char* rule;
  const char* metric;        // YAML
  std::optional<Last> last;  // measurement
  int64_t count;             // of measurements that were no errors
  Nanos now;
  bool due;
  std::optional<Nanos> started = kBegin;
  bool terminating = false;
  Phase phase = Phase::kRunning;
  bool in_flight = false;
};

MetricResult result_of(const Row& row) {
  MetricResult result;
  result.phase = row.phase;
  result.count = row.count;
  result.in_flight = row.in_flight;
  if (row.last) {
    Measurement measurement;
    measurement.phase = row.last->phase;
    measurement.finished = row.last->finished;
    result.measurements.push_back(measurement);
  }
  return result;
}

constexpr auto kGood = Phase::kSuccessful;
// clang-format off
const Row kRows[] = {
    {"R1 without count and interval it is measured", "", {}, 0, 0s, true},
    {"R1 once", "", Last{kGood, 0s}, 1, 1h, false},
    {"R1 a count of 0 is none", "count: 0", Last{kGood, 0s}, 1, 1h, false},
    {"R2 an interval alone has no end", "interval: 60s", Last{kGood, 100h}, 1000, 101h, true},
    {"R2 nor with a count of 0", "interval: 60s\ncount: 0", Last{kGood, 100h}, 1000, 101h, true},
    {"R3 the count is reached", "interval: 60s\ncount: 10", Last{kGood, 0s}, 10, 1h, false},
    {"R3 not yet", "interval: 60s\ncount: 10", Last{kGood, 0s}, 9, 1h, true},
    {"R4 at once", "interval: 60s", {}, 0, 0s, true, std::nullopt},
    {"R4 an initial delay waits for the run's start", "initialDelay: 20s", {}, 0, 0s, false, std::nullopt},
    {"R4 then for its end", "initialDelay: 20s", {}, 0, 10s, false},
    {"R4 and is over", "initialDelay: 20s", {}, 0, 20s, true},
    {"R4 a bad one is never over", "initialDelay: fast", {}, 0, 100h, false},
    {"R5 50 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 50s, false},
    {"R5 60 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 60s, false},
    {"R5 61 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 61s, true},
    {"R5 it counts from the end", "interval: 60s", Last{kGood, 30s}, 1, 61s, false},
    {"R6 an error is retried after 10 s", "interval: 5m", Last{Phase::kError, 0s}, 0, 11s, true},
    {"R6 not before", "interval: 5m", Last{Phase::kError, 0s}, 0, 10s, false},
    {"R6 also where the interval is shorter", "interval: 1s", Last{Phase::kError, 0s}, 0, 9s, false},
    {"R6 and without an interval", "", Last{Phase::kError, 0s}, 0, 11s, true},
    {"R7 an error does not count", "count: 1", Last{Phase::kError, 0s}, 0, 11s, true},
    {"R8 Go durations", "interval: 1m30s", Last{kGood, 0s}, 1, 91s, true},
    {"R8 shorter than a second, too", "interval: 500ms", Last{kGood, 0s}, 1, 600ms, true},
    {"R8 a bad interval is never over", "interval: 1d", Last{kGood, 0s}, 1, 100h, false},
    {"R10 a completed metric is done", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, false, Phase::kFailed},
    {"R39 nothing is begun while terminating", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, true},
    {"R39 not even the first", "", {}, 0, 0s, false, kBegin, true},
    {"R9 nor a second beside the first", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, false, Phase::kRunning, true},
};
// clang-format on

TEST(Schedule, FollowsTheRules) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.rule);
    Metric metric = metric_of(row.metric);
    MetricResult result = result_of(row);
    ScheduleState state{row.started, row.terminating};
    EXPECT_EQ(is_due(metric, result, state, row.now), row.due);
    auto next = next_due(metric, result, state);
    EXPECT_EQ(next && *next <= row.now, row.due);
    EXPECT_TRUE(!next || is_due(metric, result, state, *next)) << "it is due at the instant it names";
  }
}

}  // namespace
}  // namespace ordeal::argo
