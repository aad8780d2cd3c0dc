// When a metric is measured. The run began at 0; `now` and the rest count from there.
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
    {"without count and interval it is measured", "", {}, 0, 0s, true},
    {"once", "", Last{kGood, 0s}, 1, 1h, false},
    {"a count of 0 is none", "count: 0", Last{kGood, 0s}, 1, 1h, false},
    {"an interval alone has no end", "interval: 60s", Last{kGood, 100h}, 1000, 101h, true},
    {"nor with a count of 0", "interval: 60s\ncount: 0", Last{kGood, 100h}, 1000, 101h, true},
    {"the count is reached", "interval: 60s\ncount: 10", Last{kGood, 0s}, 10, 1h, false},
    {"not yet", "interval: 60s\ncount: 10", Last{kGood, 0s}, 9, 1h, true},
    {"at once", "interval: 60s", {}, 0, 0s, true, std::nullopt},
    {"an initial delay waits for the run's start", "initialDelay: 20s", {}, 0, 0s, false, std::nullopt},
    {"then for its end", "initialDelay: 20s", {}, 0, 10s, false},
    {"and is over", "initialDelay: 20s", {}, 0, 20s, true},
    {"a bad one is never over", "initialDelay: fast", {}, 0, 100h, false},
    {"50 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 50s, false},
    {"60 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 60s, false},
    {"61 s of 60 s", "interval: 60s", Last{kGood, 0s}, 1, 61s, true},
    {"it counts from the end", "interval: 60s", Last{kGood, 30s}, 1, 61s, false},
    {"an error is retried after 10 s", "interval: 5m", Last{Phase::kError, 0s}, 0, 11s, true},
    {"not before", "interval: 5m", Last{Phase::kError, 0s}, 0, 10s, false},
    {"also where the interval is shorter", "interval: 1s", Last{Phase::kError, 0s}, 0, 9s, false},
    {"and without an interval", "", Last{Phase::kError, 0s}, 0, 11s, true},
    {"an error does not count", "count: 1", Last{Phase::kError, 0s}, 0, 11s, true},
    {"Go durations", "interval: 1m30s", Last{kGood, 0s}, 1, 91s, true},
    {"shorter than a second, too", "interval: 500ms", Last{kGood, 0s}, 1, 600ms, true},
    {"a bad interval is never over", "interval: 1d", Last{kGood, 0s}, 1, 100h, false},
    {"a completed metric is done", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, false, Phase::kFailed},
    {"nothing is begun while terminating", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, true},
    {"not even the first", "", {}, 0, 0s, false, kBegin, true},
    {"nor a second beside the first", "interval: 60s", Last{kGood, 0s}, 1, 1h, false, kBegin, false, Phase::kRunning, true},
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
