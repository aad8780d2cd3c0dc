#include "ordeal/resilience/fallback.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <tl/expected.hpp>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {
namespace {

using Coded = tl::expected<int, std::error_code>;

using namespace std::chrono_literals;

int down() { throw std::runtime_error("down"); }

// It is called in place here, never asynchronously (a coroutine's is asio.h's); the arguments are what it captured.
TEST(Fallback, B64_ItGetsTheErrorRunsOncePerCallMayCallABreakerAndItsFailureIsReported) {
  ManualClock clock;
  int runs = 0, amount = 30;
  Fallback fallback([&](const Error& error) { return ++runs, to_text(error) + " at " + std::to_string(amount); });
  TimeLimit limit(1s, clock);
  auto late = [&]() -> std::string { return clock.advance(2s), "late"; };
  EXPECT_EQ(*Pipeline(fallback, limit).call(late), "took longer than its time limit at 30");
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(fallback.succeeded(), 1u);

  CircuitBreaker primary({.initial = State::kForcedOpen}, clock), secondary({}, clock);
  Fallback by_another([&] { return secondary.call([] { return 7; }); });
  EXPECT_EQ(*Pipeline(by_another, primary).call([] { return 1; }), 7);
  EXPECT_EQ(secondary.snapshot().succeeded, 1u);

  Fallback failing([](const Error&) -> int { throw std::logic_error("empty cache"); });
  auto result = Pipeline{failing}.call(down);
  ASSERT_FALSE(result.has_value());
  EXPECT_THROW(std::rethrow_exception(result.error().exception), std::logic_error);
  EXPECT_EQ(failing.failed(), 1u);
  EXPECT_EQ(failing.succeeded(), 0u);
}

TEST(Fallback, B65_AnIgnoredErrorIsNotReplaced) {
  int runs = 0;
  Fallback fallback([&] { return ++runs; });
  auto cancelled = [] { return Result<int>(Error{Error::Kind::kCancelled, {}, nullptr}); };
  EXPECT_EQ(Pipeline{fallback}.call(cancelled).error().kind, Error::Kind::kCancelled);
  auto ignore = [](const Result<int>&) { return Outcome::kIgnored; };
  EXPECT_FALSE(Pipeline{fallback.judged_by(ignore)}.call(down).has_value());
  EXPECT_EQ(runs, 0);
}

TEST(Fallback, AGoodResultIsLeftAloneAndABadValueMayBeReplaced) {
  Fallback fallback([] { return 7; });
  EXPECT_EQ(*Pipeline{fallback}.call([] { return 1; }), 1);
  EXPECT_EQ(fallback.succeeded() + fallback.failed(), 0u);
  auto negative = [](const Result<int>& result) { return *result < 0 ? Outcome::kFailure : Outcome::kSuccess; };
  EXPECT_EQ(*Pipeline{fallback.judged_by(negative)}.call([] { return -1; }), 7);
}

TEST(Fallback, AFullBulkheadsRefusalIsReplacedThoughBreakersIgnoreIt) {
  Bulkhead bulkhead({.limit = 1});
  auto slot = bulkhead.acquire();
  Fallback fallback([](const Error& error) { return std::string(error.refusal.by) + " was full"; });
  EXPECT_EQ(*Pipeline(fallback, bulkhead).call([]() -> std::string { return "fresh"; }), "bulkhead was full");
}

TEST(Fallback, ItGetsTheCalleesOwnErrorWhereItTakesThat) {
  auto refused = [] { return Coded(tl::unexpected(std::make_error_code(std::errc::connection_refused))); };
  Fallback by_code([](const std::error_code& code) { return code.value(); });
  EXPECT_EQ(*Pipeline{by_code}.call(refused), static_cast<int>(std::errc::connection_refused));
  Fallback whole([](const std::error_code& code) { return Coded(tl::unexpected(code)); });
  EXPECT_FALSE(Pipeline{whole}.call(refused).has_value());
  EXPECT_EQ(whole.failed(), 1u);
}

TEST(Fallback, ItsExceptionPassesThroughWhereTheResultCannotHoldIt) {
  auto refused = [] { return Coded(tl::unexpected(std::make_error_code(std::errc::connection_refused))); };
  Fallback fallback([]() -> int { throw std::logic_error("empty cache"); });
  EXPECT_THROW((void)Pipeline{fallback}.call(refused), std::logic_error);
}

}  // namespace
}  // namespace ordeal::resilience
