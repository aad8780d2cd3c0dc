// Four common queries on data whose answers are computed by hand.
#include <gtest/gtest.h>

#include "promql/eval/testing.h"

namespace ordeal::promql {
namespace {

using testing::ask;
using testing::fill;

constexpr int64_t kSecond = 1000;
constexpr std::string_view kErrorRate =
    "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))";
constexpr std::string_view kP95 = "histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))";
constexpr std::string_view kPods =
    "count(kube_pod_status_phase{namespace=\"staging\", pod=~\"fastapi.*\", phase=\"Running\"})";

TEST(ExampleQueries, ReadTheStateOfTheBreaker) {
  SeriesStore store;
  fill(store, kSecond, "circuit_breaker_state{service=\"stripe\"} 0 0 1\ncircuit_breaker_state{service=\"mail\"} 0x5");
  EXPECT_EQ(ask(store, "circuit_breaker_state{service=\"stripe\"}", kSecond),
            R"(circuit_breaker_state{service="stripe"} 0)");
  EXPECT_EQ(ask(store, "circuit_breaker_state{service=\"stripe\"}", 2 * kSecond),
            R"(circuit_breaker_state{service="stripe"} 1)");
}

TEST(ExampleQueries, ComputeTheErrorRate) {
  SeriesStore store;
  // A second each: 96 good and 4 bad requests, on two replicas: 4 of 100.
  fill(store, kSecond, R"(
      http_requests_total{status="200", pod="a"} 1000+46x120
      http_requests_total{status="200", pod="b"} 5000+50x120
      http_requests_total{status="500", pod="a"} 100+3x120
      http_requests_total{status="503", pod="b"} 100+1x120)");
  EXPECT_EQ(ask(store, kErrorRate, 100 * kSecond), "{} 0.04");
}

TEST(ExampleQueries, SayNothingWhenThereIsNoSuchSeriesAndNaNWhenThereIsNoTraffic) {
  SeriesStore store;
  fill(store, kSecond, "http_requests_total{status=\"200\"} 7x100");
  EXPECT_EQ(ask(store, kErrorRate, 100 * kSecond), "no data") << "no 5xx series yet: empty, not 0";
  fill(store, kSecond, "http_requests_total{status=\"500\"} 3x100");
  EXPECT_EQ(ask(store, kErrorRate, 100 * kSecond), "{} NaN");
}

TEST(ExampleQueries, ComputeTheP95OfEachSeries) {
  SeriesStore store;
  // A second each on /pay: 80 below 0.1 s, 10 to 0.5 s, 10 to 1 s. Rank 95 of 100 is in the middle of (0.5, 1].
  // On /slow all are above the largest bound; /idle has no traffic.
  fill(store, kSecond, R"(
      http_request_duration_seconds_bucket{route="/pay", le="0.1"} 1000+80x100
      http_request_duration_seconds_bucket{route="/pay", le="0.5"} 2000+90x100
      http_request_duration_seconds_bucket{route="/pay", le="1.0"} 3000+100x100
      http_request_duration_seconds_bucket{route="/pay", le="+Inf"} 3000+100x100
      http_request_duration_seconds_bucket{route="/slow", le="0.1"} 0x100
      http_request_duration_seconds_bucket{route="/slow", le="2.5"} 0x100
      http_request_duration_seconds_bucket{route="/slow", le="+Inf"} 1000+5x100
      http_request_duration_seconds_bucket{route="/idle", le="0.1"} 5x100
      http_request_duration_seconds_bucket{route="/idle", le="+Inf"} 5x100)");
  EXPECT_EQ(ask(store, kP95, 90 * kSecond), R"({route="/idle"} NaN, {route="/pay"} 0.75, {route="/slow"} 2.5)");
}

TEST(ExampleQueries, CountPodsInEveryPhaseAsWritten) {
  SeriesStore store;
  fill(store, kSecond, R"(
      kube_pod_status_phase{namespace="staging", pod="fastapi-1", phase="Running"} 1x10
      kube_pod_status_phase{namespace="staging", pod="fastapi-2", phase="Running"} 0x10
      kube_pod_status_phase{namespace="staging", pod="fastapi-2", phase="Pending"} 1x10
      kube_pod_status_phase{namespace="staging", pod="redis-1", phase="Running"} 1x10
      kube_pod_status_phase{namespace="prod", pod="fastapi-1", phase="Running"} 1x10)");
  EXPECT_EQ(ask(store, kPods, 5 * kSecond), "{} 2") << "a series of value 0 counts too";
  EXPECT_EQ(ask(store, "count(kube_pod_status_phase{namespace=\"staging\", phase=\"Running\"} == 1)", 5 * kSecond),
            "{} 2");
}

TEST(Histogram, HandlesBucketsThatAreOdd) {  // P6
  SeriesStore store;
  fill(store, kSecond, R"(
      noinf{le="1"} 5
      noinf{le="2"} 9
      only{le="+Inf"} 9
      none{le="1"} 0
      none{le="+Inf"} 0
      fall{le="1"} 10
      fall{le="2"} 8
      fall{le="4"} 20
      fall{le="+Inf"} 20
      twin{le="1"} 5
      twin{le="1.0"} 5
      twin{le="2"} 20
      twin{le="+Inf"} 20
      low{le="-1"} 10
      low{le="+Inf"} 10
      odd{le="many"} 3)");
  EXPECT_EQ(ask(store, "histogram_quantile(0.5, noinf)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "histogram_quantile(0.5, only)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "histogram_quantile(0.5, none)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "histogram_quantile(0.75, fall)", 0), "{} 3") << "8 counts as 10";
  EXPECT_EQ(ask(store, "histogram_quantile(0.25, twin)", 0), "{} 0.5") << "both make one bucket of 10";
  EXPECT_EQ(ask(store, "histogram_quantile(0.5, low)", 0), "{} -1");
  EXPECT_EQ(ask(store, "histogram_quantile(0.5, odd)", 0), "no data");
  EXPECT_EQ(ask(store, "histogram_quantile(-1, fall)", 0), "{} -Inf");
  EXPECT_EQ(ask(store, "histogram_quantile(2, fall)", 0), "{} +Inf");
  EXPECT_EQ(ask(store, "histogram_quantile(NaN, fall)", 0), "{} NaN");
  EXPECT_EQ(ask(store, "histogram_quantile(1, fall)", 0), "{} 4");
}

}  // namespace
}  // namespace ordeal::promql
