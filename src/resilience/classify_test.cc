#include "ordeal/resilience/classify.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/retry.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

struct Response {
  int status;
};
struct BadRequest : std::runtime_error {
  using std::runtime_error::runtime_error;
};
struct NotFound : BadRequest {
  using BadRequest::BadRequest;
};

template <class E>
Result<int> thrown(E exception) {
  return Error{Error::Kind::kException, {}, std::make_exception_ptr(std::move(exception))};
}

// A NotFound, in a logic_error, in a runtime_error.
std::exception_ptr nested() {
  try {
    try {
      try {
        throw NotFound("404");
      } catch (...) {
        std::throw_with_nested(std::logic_error("of the client"));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("of the service"));
    }
  } catch (...) {
    return std::current_exception();
  }
}

bool is_5xx(const Response& response) { return response.status >= 500; }

TEST(CausedBy, FindsSubclassesAndCauses) {
  EXPECT_TRUE(caused_by<BadRequest>(std::make_exception_ptr(NotFound("404"))));
  EXPECT_FALSE(caused_by<NotFound>(std::make_exception_ptr(BadRequest("400"))));
  EXPECT_TRUE(caused_by<BadRequest>(nested()));
  EXPECT_TRUE(caused_by<std::logic_error>(nested()));
  EXPECT_FALSE(caused_by<std::bad_alloc>(nested()));
  EXPECT_FALSE(caused_by<int>(std::make_exception_ptr(1.5)));
  EXPECT_TRUE(caused_by<int>(std::make_exception_ptr(1)));
  EXPECT_FALSE(caused_by<int>(nullptr));
}

TEST(Classify, WithoutRulesIsTheDefault) {
  auto judge = classify();
  EXPECT_EQ(judge(Result<int>(1)), Outcome::kSuccess);
  EXPECT_EQ(judge(thrown(BadRequest(""))), Outcome::kFailure);
  EXPECT_EQ(judge(Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr})), Outcome::kTimeout);
  EXPECT_EQ(judge(Result<int>(Error{Error::Kind::kCancelled, {}, nullptr})), Outcome::kIgnored);
}

TEST(Classify, AsksAPredicateAboutWhatItTakes) {
  auto judge = classify(fail_if(is_5xx), ignore_if([](const Response& r) { return r.status == 429; }),
                        ignore_if([](const Error& error) { return error.kind == Error::Kind::kTimeLimit; }),
                        ignore_if([](const std::exception_ptr& e) { return caused_by<BadRequest>(e); }));
  EXPECT_EQ(judge(Result<Response>(Response{200})), Outcome::kSuccess);
  EXPECT_EQ(judge(Result<Response>(Response{503})), Outcome::kFailure);
  EXPECT_EQ(judge(Result<Response>(Response{429})), Outcome::kIgnored);
  EXPECT_EQ(judge(Result<Response>(Error{Error::Kind::kTimeLimit, {}, nullptr})), Outcome::kIgnored);
  EXPECT_EQ(judge(Result<Response>(Error{Error::Kind::kException, {}, nested()})), Outcome::kIgnored);
  EXPECT_EQ(classify(ignore_if([](const Result<int>& r) { return !r || *r == 7; }))(Result<int>(7)), Outcome::kIgnored);
}

TEST(Classify, MatchesThrownTypesTheirSubclassesAndCauses) {
  auto judge = classify(ignore<BadRequest, std::bad_alloc>());
  EXPECT_EQ(judge(thrown(NotFound(""))), Outcome::kIgnored);
  EXPECT_EQ(judge(thrown(std::bad_alloc())), Outcome::kIgnored);
  EXPECT_EQ(judge(Result<int>(Error{Error::Kind::kException, {}, nested()})), Outcome::kIgnored);
  EXPECT_EQ(judge(thrown(std::runtime_error(""))), Outcome::kFailure);
  EXPECT_EQ(judge(Result<int>(1)), Outcome::kSuccess);
}

TEST(Classify, IgnoringBeatsFailingUnlessAskedOtherwise) {
  auto judge = classify(fail_on<NotFound>(), ignore<BadRequest>());
  EXPECT_EQ(judge(thrown(NotFound(""))), Outcome::kIgnored);
  EXPECT_EQ(judge.failing_first()(thrown(NotFound(""))), Outcome::kFailure);
  EXPECT_EQ(judge.failing_first()(thrown(BadRequest(""))), Outcome::kIgnored);
}

TEST(Classify, AcceptingIsASuccessAndIgnoringIsNone) {
  auto judge = classify(accept<BadRequest>(), fail_on<NotFound>());
  EXPECT_EQ(judge(thrown(BadRequest(""))), Outcome::kSuccess);
  EXPECT_EQ(judge(thrown(NotFound(""))), Outcome::kFailure);
}

TEST(Classify, OtherErrorsNeedNotBeFailures) {
  auto judge = classify(fail_on<std::bad_alloc>()).other_errors(Outcome::kSuccess);
  EXPECT_EQ(judge(thrown(std::bad_alloc())), Outcome::kFailure);
  EXPECT_EQ(judge(thrown(BadRequest(""))), Outcome::kSuccess);
  EXPECT_EQ(judge(Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr})), Outcome::kTimeout);
  auto all = classify(fail_if([](const Error&) { return true; }));
  EXPECT_EQ(all(Result<int>(Error{Error::Kind::kTimeLimit, {}, nullptr})), Outcome::kTimeout);
}

TEST(Classify, APredicateThatThrowsIsAFailureAndTheResultArrives) {
  auto broken = [](const Response&) -> bool { throw std::logic_error("of the predicate"); };
  EXPECT_EQ(classify(ignore_if(broken))(Result<Response>(Response{200})), Outcome::kFailure);
  CircuitBreaker breaker({.name = "s", .minimum_calls = 100});
  Retry retry({.attempts = 2, .first_delay = 0s});
  auto bare = [](const Result<Response>&) -> Outcome { throw 1; };
  Pipeline pipeline{retry.judged_by(bare), breaker.judged_by(bare)};
  auto answer = pipeline.call([] { return Response{200}; });
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(breaker.snapshot().failed, 2u);
}

TEST(Classify, JudgesForBreakerRetryAndFallback) {
  CircuitBreaker breaker({.name = "s", .minimum_calls = 100});
  Retry retry({.attempts = 3, .first_delay = 0s, .budget_ratio = 0, .budget_per_second = 0});
  Fallback fallback([](const Error& error) { return Response{error.kind == Error::Kind::kFailed ? 203 : 0}; });
  auto judge = classify(fail_if(is_5xx));
  Pipeline pipeline{fallback.judged_by(judge), retry.judged_by(judge), breaker.judged_by(judge)};
  int calls = 0;
  auto answer = pipeline.call([&] { return Response{++calls < 3 ? 500 : 200}; });
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(retry.counts().recovered, 1u);
  answer = pipeline.call([] { return Response{500}; });
  EXPECT_EQ(answer->status, 203);
  EXPECT_EQ(breaker.snapshot().failed, 5u);
  EXPECT_EQ(breaker.snapshot().succeeded, 1u);
}

}  // namespace
}  // namespace ordeal::resilience
