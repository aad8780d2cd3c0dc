#include "ordeal/resilience/pipeline.h"

#include <gtest/gtest.h>

#include <coroutine>
#include <future>
#include <stdexcept>
#include <tl/expected.hpp>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

// Writes down when it is entered and left, and what it saw.
class Witness {
 public:
  Witness(std::string name, std::string& log) : name_(std::move(name)), log_(log) {}
  static constexpr PolicyKind kKind = PolicyKind::kOther;
  std::string describe() const { return name_; }
  template <class R, class Next>
  R run(Call& call, Next&& next) {
    log_ += name_ + "(";
    R result = next(call);
    log_ += ResultTraits<R>::good(result) ? "+)" : "-)";
    return result;
  }

 private:
  std::string name_;
  std::string& log_;
};

struct MemberTask {
  auto operator co_await() && { return std::suspend_never(); }
};
struct FreeTask {};
[[maybe_unused]] auto operator co_await(FreeTask&&) { return std::suspend_never(); }
struct AsioLike {
  using value_type = int;
  using executor_type = int;
};
static_assert(detail::IsPending<std::suspend_never> && detail::IsPending<MemberTask> && detail::IsPending<FreeTask>);
static_assert(detail::IsPending<AsioLike> && detail::IsPending<std::future<int>>);
static_assert(detail::IsPending<std::future<void>> && detail::IsPending<std::shared_future<int>>);
static_assert(!detail::IsPending<void> && !detail::IsPending<int> && !detail::IsPending<std::string>);
static_assert(!detail::IsPending<std::unique_ptr<int>> && !detail::IsPending<std::shared_ptr<int>>);
static_assert(!detail::IsPending<Result<int>> && !detail::IsPending<tl::expected<int, Error>>);

int broken() { throw std::runtime_error("down"); }

TEST(Pipeline, B71_PoliciesNestAsDeclaredAndTwoBreakersEachSeeTheirOutcomes) {
  std::string log;
  Witness b("b", log);
  Pipeline witnessed(Witness("a", log), b, Witness("c", log));
  EXPECT_TRUE(witnessed.call([&] { log += "x"; }).has_value());
  EXPECT_EQ(log, "a(b(c(x+)+)+)");
  EXPECT_EQ(witnessed.describe(), "a > b > c");
  EXPECT_FALSE(witnessed.call(broken).has_value());
  EXPECT_EQ(log, "a(b(c(x+)+)+)a(b(c(-)-)-)");

  ManualClock clock;
  CircuitBreakerOptions after_three{.failures_in_a_row = 3, .rates = false};
  CircuitBreaker outer(after_three, clock), inner({.failures_in_a_row = 2, .rates = false}, clock);
  Pipeline nested(outer, inner);
  EXPECT_EQ(*nested.call([] { return 1; }), 1);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(nested.call(broken).error().kind, Error::Kind::kException);
  EXPECT_EQ(inner.state(), State::kOpen);
  EXPECT_EQ(outer.state(), State::kClosed);
  // The inner one's refusal speaks of the callee, so the outer one counts it.
  EXPECT_EQ(nested.call(broken).error().refusal.by, inner.name());
  EXPECT_EQ(outer.state(), State::kOpen);
  EXPECT_EQ(nested.call(broken).error().refusal.by, outer.name());
  EXPECT_EQ(inner.snapshot().failed, 2u);
  EXPECT_EQ(inner.snapshot().refused, 1u);
  EXPECT_EQ(outer.snapshot().failed, 3u);
  EXPECT_EQ(outer.snapshot().succeeded, 1u);
}

TEST(Pipeline, ABulkheadsRefusalIsNoFailureOfTheCalleeInAnyResultType) {
  ManualClock clock;
  CircuitBreaker breaker({.failures_in_a_row = 1}, clock);
  Bulkhead bulkhead({.limit = 1});
  auto slot = bulkhead.acquire();
  using Coded = tl::expected<int, std::error_code>;
  EXPECT_FALSE(Pipeline(breaker, bulkhead).call([] { return 1; }).has_value());
  EXPECT_FALSE(Pipeline(breaker, bulkhead).call([] { return Coded(1); }).has_value());
  EXPECT_EQ(breaker.state(), State::kClosed);
  EXPECT_EQ(breaker.snapshot().ignored, 2u);
}

TEST(Pipeline, WithoutAPolicyItMakesTheCall) {
  Pipeline<> none;
  EXPECT_EQ(*none.call([] { return 1; }), 1);
  EXPECT_EQ(none.call(broken).error().kind, Error::Kind::kException);
  EXPECT_EQ(none.describe(), "");
}

TEST(Pipeline, ANamedPolicyIsReferredToAndATemporaryKept) {
  ManualClock clock;
  CircuitBreaker breaker({}, clock);
  Pipeline pipeline{Fallback{[] { return 7; }}, breaker, TimeLimit{1s, clock}};
  EXPECT_EQ(*pipeline.call(broken), 7);
  EXPECT_EQ(breaker.snapshot().failed, 1u);
}

TEST(Pipeline, AConstPipelineIsCalled) {
  ManualClock clock;
  CircuitBreaker breaker({}, clock);
  const Pipeline pipeline{Fallback{[] { return 7; }}, breaker};
  EXPECT_EQ(*pipeline.call(broken), 7);
  EXPECT_EQ(breaker.snapshot().failed, 1u);
}

TEST(Pipeline, AJudgedPolicyIsCalled) {
  ManualClock clock;
  CircuitBreaker breaker({}, clock);
  auto odd_fails = [](const Result<int>& result) { return *result % 2 == 1 ? Outcome::kFailure : Outcome::kSuccess; };
  EXPECT_EQ(*breaker.judged_by(odd_fails).call([] { return 3; }), 3);
  EXPECT_EQ(*breaker.judged_by(odd_fails).call([](const Call& call) { return 1 + static_cast<int>(call.attempt); }), 2);
  EXPECT_EQ(breaker.snapshot().failed, 1u);
  EXPECT_EQ(breaker.snapshot().succeeded, 1u);
  EXPECT_EQ(Fallback([] { return 8; }).judged_by(odd_fails).call([] { return 3; }).value_or(0), 8);
}

TEST(Pipeline, ItDescribesItself) {
  CircuitBreaker breaker({.name = "stripe"});
  Retry retry;
  Bulkhead bulkhead({.name = "reports", .limit = 3});
  Pipeline pipeline{Fallback{[] { return 7; }}, retry, breaker, bulkhead, TimeLimit{3s}};
  EXPECT_EQ(pipeline.describe(),
            "fallback > retry (5 attempts) > circuit breaker stripe > reports of 3 > time limit 3 s");
  EXPECT_TRUE(pipeline.warnings().empty());
}

TEST(Pipeline, ItWarnsOfEachOrderThatIsKnownToBeWrong) {
  CircuitBreaker breaker({.name = "stripe"});
  Retry retry;
  Bulkhead bulkhead({});
  Fallback fallback([] { return 7; });
  using Warnings = std::vector<std::string>;
  Pipeline late(TimeLimit(3s), retry, breaker);
  EXPECT_EQ(late.warnings(), Warnings{"time limit 3 s is outside of retry (5 attempts): its delays add up to 15 s, so "
                                      "about 2 attempts fit"});
  EXPECT_EQ(Pipeline(TimeLimit(1s), retry).warnings(),
            Warnings{"time limit 1 s is outside of retry (5 attempts): its delays add up to 15 s, so about 1 attempt "
                     "fits"});
  EXPECT_EQ(Pipeline(TimeLimit(15s), retry).warnings().size(), 1u);
  EXPECT_TRUE(Pipeline(TimeLimit(15001ms), retry).warnings().empty());
  Retry never_again(RetryOptions{.attempts = 1});
  EXPECT_TRUE(Pipeline(TimeLimit(1s), never_again).warnings().empty());
  Retry stubborn(RetryOptions{.retry_refused = true});
  EXPECT_EQ(Pipeline(stubborn, breaker).warnings(),
            Warnings{"retry (5 attempts) is outside of circuit breaker stripe: it retries refusals, and every refusal "
                     "costs its delays"});
  EXPECT_EQ(Pipeline(breaker, retry).warnings(),
            Warnings{"circuit breaker stripe is outside of retry (5 attempts): it sees one call for all attempts, and "
                     "cannot stop those that follow a trip"});
  EXPECT_EQ(Pipeline(bulkhead, retry).warnings(),
            Warnings{"bulkhead of 25 is outside of retry (5 attempts): a slot is held while waiting for the next "
                     "attempt"});
  EXPECT_EQ(Pipeline(breaker, fallback).warnings(),
            Warnings{"circuit breaker stripe is outside of fallback: it sees the fallback's answers, and never opens"});
  EXPECT_EQ(Pipeline(retry, fallback).warnings(),
            Warnings{"retry (5 attempts) is outside of fallback: it sees the fallback's answers, and never retries"});
  EXPECT_EQ(Pipeline(breaker, bulkhead, retry).warnings().size(), 2u);
  auto never = [](const Result<int>&) { return Outcome::kSuccess; };
  EXPECT_EQ(Pipeline(breaker.judged_by(never), retry.judged_by(never)).warnings().size(), 1u);
  EXPECT_EQ(Pipeline(TimeLimit(3s), stubborn.judged_by(never), breaker.judged_by(never)).warnings().size(), 2u);
}

}  // namespace
}  // namespace ordeal::resilience
