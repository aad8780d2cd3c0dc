#include "mixed_exceptions.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace ordeal::resilience::mixed {
namespace {

TEST(MixedExceptions, EachUnitOfAProgramCallsAsItWasCompiled) {
  CircuitBreaker<> breaker({.name = "s", .minimum_calls = 1000});
  Judge judge = [](const Result<int>&) { return Outcome::kSuccess; };
  Results good = call_without_exceptions(
      breaker, [] { return 3; }, judge);
  for (const auto& result : {good.plain, good.judged, good.through_all, good.awaited}) EXPECT_EQ(*result, 3);
  EXPECT_EQ(breaker.snapshot().succeeded, 4u);

  Function thrower = []() -> int { throw std::runtime_error("no"); };
  Judge throwing_judge = [](const Result<int>&) -> Outcome { throw std::runtime_error("no"); };
  Results bad = call_all<true>(breaker, thrower, throwing_judge);
  for (const auto& result : {bad.plain, bad.judged, bad.through_all, bad.awaited}) {
    EXPECT_EQ(result.error().kind, Error::Kind::kException);
  }
  EXPECT_EQ(breaker.snapshot().failed, 4u);
}

}  // namespace
}  // namespace ordeal::resilience::mixed
