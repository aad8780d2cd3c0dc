#include "core/base/text/quantity.h"

#include <gtest/gtest.h>

#include <limits>

namespace ordeal {
namespace {

TEST(Quantity, NumbersCarryTheirUnit) {
  EXPECT_EQ(format_value(0.34, "s"), "340\u00a0ms");
  EXPECT_EQ(format_value(1.2345, "s"), "1.23\u00a0s");
  EXPECT_EQ(format_value(0.000045, "s"), "45\u00a0µs");
  EXPECT_EQ(format_value(0, "s"), "0\u00a0ms");
  EXPECT_EQ(format_value(0.01, "ratio"), "1\u00a0%");
  EXPECT_EQ(format_value(0.0023, "ratio"), "0.23\u00a0%");
  EXPECT_EQ(format_value(3, ""), "3");
  EXPECT_EQ(format_value(std::numeric_limits<double>::infinity(), "ratio"), "+Inf");
  EXPECT_EQ(format_value(-std::numeric_limits<double>::infinity(), "s"), "-Inf");
  EXPECT_EQ(format_value(std::numeric_limits<double>::quiet_NaN(), "bytes"), "NaN");
  EXPECT_EQ(format_value(-0.0, ""), "0");
  EXPECT_EQ(format_value(1234567, ""), "1\u2009234\u2009567");
  EXPECT_EQ(format_value(3 * 1048576.0, "bytes"), "3\u00a0MiB");
  EXPECT_EQ(format_value(12, "requests"), "12\u00a0requests");
  EXPECT_EQ(format_latency(312ms), "312\u00a0ms");
  EXPECT_EQ(counted(1, "process", "processes"), "1 process");
  EXPECT_EQ(counted(0, "process", "processes"), "0 processes");
  EXPECT_EQ(plain_value(0.34, "s"), "340 ms");
  EXPECT_EQ(plain_value(1234567, "requests"), "1234567 requests");
  EXPECT_EQ(format_latency(125s), "2\u00a0min 5\u00a0s");
}

TEST(Quantity, GuessesTheUnitFromTheQuery) {
  EXPECT_EQ(guess_unit("histogram_quantile(0.95, rate(http_request_duration_seconds_bucket[1m]))"), "s");
  EXPECT_EQ(guess_unit("sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))"),
            "ratio");
  EXPECT_EQ(guess_unit("sum(rate(a_seconds_sum[1m])) / sum(rate(a_seconds_count[1m]))"), "s");
  EXPECT_EQ(guess_unit("sum(rate(a_total{code=~\"5..\"}[1m]))\n/\nsum(rate(a_total[1m]))"), "ratio");
  EXPECT_EQ(guess_unit("sum(increase(a_total[1m])) / sum(increase(b_total[1m]))"), "ratio");
  EXPECT_EQ(guess_unit("sum(rate(http_request_duration_seconds_count[1m]))"), "");
  EXPECT_EQ(guess_unit("rate(process_cpu_seconds_total[1m])"), "");
  EXPECT_EQ(guess_unit("circuit_breaker_state{service=\"stripe\"}"), "");
}

}  // namespace
}  // namespace ordeal
