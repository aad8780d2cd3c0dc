#include "ordeal/resilience/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <tl/expected.hpp>

#include "ordeal/resilience/circuit_breaker.h"

namespace ordeal::resilience {

namespace {

// A caller's own error type, and a result that is not expected-like by its members.
struct HttpError {
  int status = 0;
  std::optional<Error> own;
};
struct Reply {
  int status = 200;
  bool is_ok() const { return status < 400; }
};

}  // namespace

template <>
struct ErrorTraits<HttpError> {
  static HttpError make(const Error& error) { return {503, error}; }
  static std::optional<Error> read(const HttpError& error) { return error.own; }
  static Outcome outcome(const HttpError& error) { return error.status < 500 ? Outcome::kIgnored : Outcome::kFailure; }
};

template <>
struct ErrorTraits<Reply> {
  static Reply make(const Error&) { return {-1}; }
  static std::optional<Error> read(const Reply& answer) {
    return answer.status == -1 ? std::optional(Error{}) : std::nullopt;
  }
};

template <>
struct ResultTraits<Reply> {
  static constexpr bool kIsResult = true;
  using ErrorType = Reply;
  static bool good(const Reply& answer) { return answer.is_ok() && answer.status > 0; }
  static const Reply& error(const Reply& answer) { return answer; }
  static Reply make(const Error& error) { return ErrorTraits<Reply>::make(error); }
};

namespace {

using Reason = Refusal::Reason;
using CodedError = tl::expected<int, std::error_code>;
using Fetched = tl::expected<std::string, HttpError>;

Outcome outcome_of(const auto& result) { return DefaultClassifier()(result); }
Error refusal(Reason reason) { return {Error::Kind::kRefused, {reason, "x", Duration::zero()}, nullptr}; }
Error of_kind(Error::Kind kind) { return {kind, {}, nullptr}; }
CodedError code(std::errc error) { return tl::unexpected(std::make_error_code(error)); }

static_assert(std::is_same_v<ResultFor<int>, Result<int>>);
static_assert(std::is_same_v<ResultFor<void>, Result<Nothing>>);
static_assert(std::is_same_v<ResultFor<CodedError>, CodedError>);
static_assert(std::is_same_v<ResultFor<Reply>, Reply>);
static_assert(ResultLike<Result<int>> && ResultLike<Fetched> && !ResultLike<std::optional<int>> && !ResultLike<int>);

TEST(Result, IsAValueOrAnError) {
  Result<std::string> good("yes"), bad(of_kind(Error::Kind::kCancelled));
  EXPECT_TRUE(good.has_value());
  EXPECT_EQ(good->size(), 3u);
  EXPECT_EQ(std::move(good).value_or("no"), "yes");
  EXPECT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, Error::Kind::kCancelled);
  EXPECT_EQ(std::move(bad).value_or("no"), "no");
  Result<std::unique_ptr<int>> moves(std::make_unique<int>(7));
  std::unique_ptr<int> out = *std::move(moves);
  EXPECT_EQ(*out, 7);
}

TEST(Result, TheDefaultClassifierTellsTheCalleesFailuresFromTheCallersOwn) {
  EXPECT_EQ(outcome_of(Result<int>(1)), Outcome::kSuccess);
  EXPECT_EQ(outcome_of(Result<int>(of_kind(Error::Kind::kException))), Outcome::kFailure);
  EXPECT_EQ(outcome_of(Result<int>(of_kind(Error::Kind::kTimeLimit))), Outcome::kTimeout);
  EXPECT_EQ(outcome_of(Result<int>(of_kind(Error::Kind::kCancelled))), Outcome::kIgnored);
  for (Reason reason : {Reason::kOpen, Reason::kHalfOpenFull, Reason::kRampUp, Reason::kForcedOpen, Reason::kShutDown})
    EXPECT_EQ(outcome_of(Result<int>(refusal(reason))), Outcome::kFailure);
  for (Reason reason : {Reason::kBulkheadFull, Reason::kPoolExhausted})
    EXPECT_EQ(outcome_of(Result<int>(refusal(reason))), Outcome::kIgnored);
}

TEST(Result, ErrorCodesTellWhatThePoliciesNeed) {
  EXPECT_EQ(outcome_of(CodedError(1)), Outcome::kSuccess);
  EXPECT_EQ(outcome_of(code(std::errc::connection_refused)), Outcome::kFailure);
  EXPECT_EQ(outcome_of(code(std::errc::timed_out)), Outcome::kTimeout);
  EXPECT_EQ(outcome_of(code(std::errc::operation_canceled)), Outcome::kIgnored);
  using Traits = ErrorTraits<std::error_code>;
  for (Error::Kind kind : {Error::Kind::kRefused, Error::Kind::kTimeLimit, Error::Kind::kCancelled}) {
    std::error_code made = Traits::make(of_kind(kind));
    ASSERT_TRUE(made);
    EXPECT_EQ(Traits::read(made)->kind, kind);
    EXPECT_NE(made.message(), "unknown");
  }
  EXPECT_TRUE(is_callers_own(Traits::read(Traits::make(refusal(Reason::kPoolExhausted)))->refusal));
  EXPECT_FALSE(is_callers_own(Traits::read(Traits::make(refusal(Reason::kHalfOpenFull)))->refusal));
  for (int foreign : {-1, 0, 99}) EXPECT_FALSE(Traits::read(std::error_code(foreign, category())));
  EXPECT_STREQ(category().name(), "ordeal.resilience");
}

TEST(Result, ItsOwnErrorTypeDecidesByItsTraits) {
  CircuitBreaker breaker({.minimum_calls = 1});
  auto fails = [](int status) { return [=] { return Fetched(tl::unexpected(HttpError{status, {}})); }; };
  EXPECT_EQ(breaker.call(fails(404)).error().status, 404);
  EXPECT_EQ(breaker.snapshot().ignored, 1u);
  EXPECT_EQ(breaker.call(fails(502)).error().status, 502);
  EXPECT_EQ(breaker.state(), State::kOpen);
  auto refused = breaker.call([] { return Fetched("fresh"); });
  EXPECT_EQ(refused.error().status, 503);
  EXPECT_EQ(own_error(refused)->refusal.reason, Reason::kOpen);
}

TEST(Result, ATypeThatIsNotExpectedLikeIsReadByResultTraits) {
  CircuitBreaker breaker({.failures_in_a_row = 2});
  EXPECT_EQ(breaker.call([] { return Reply{200}; }).status, 200);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(breaker.call([] { return Reply{500}; }).status, 500);
  EXPECT_EQ(breaker.call([] { return Reply{200}; }).status, -1);
}

TEST(Result, ErrorsHaveATextForAPerson) {
  EXPECT_EQ(to_text(Error{Error::Kind::kRefused, {Reason::kHalfOpenFull, "stripe", std::chrono::milliseconds(50)}, {}}),
            "stripe is half-open and its probes are out, retry after 0.05 s");
  EXPECT_EQ(to_text(Error{Error::Kind::kRefused, {Reason::kPoolExhausted, "postgres", {}}, {}}),
            "postgres has no connection left");
  EXPECT_EQ(to_text(of_kind(Error::Kind::kTimeLimit)), "took longer than its time limit");
  EXPECT_EQ(to_text(of_kind(Error::Kind::kCancelled)), "was cancelled");
  EXPECT_EQ(to_text(of_kind(Error::Kind::kException)), "threw an exception");
}

TEST(Result, AnErrorCodeTellsAFailureFromARefusal) {
  using Traits = ErrorTraits<std::error_code>;
  for (Error::Kind kind : {Error::Kind::kFailed, Error::Kind::kException}) {
    EXPECT_EQ(Traits::make(of_kind(kind)).message(), "failed");
    EXPECT_EQ(outcome_of(CodedError(tl::unexpected(Traits::make(of_kind(kind))))), Outcome::kFailure);
  }
}

}  // namespace
}  // namespace ordeal::resilience
