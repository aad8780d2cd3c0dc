#include "ordeal/resilience/asio.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ordeal/resilience/classify.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using asio::awaitable;

CircuitBreakerOptions tolerant() { return {.name = "s", .minimum_calls = 1000}; }
RetryOptions steady_retry(uint32_t attempts, Duration delay) {
  return {.attempts = attempts, .first_delay = delay, .growth = 1, .jitter = Jitter::kNone, .budget_ratio = 10};
}

awaitable<void> sleep_for(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  co_await timer.async_wait(asio::use_awaitable);
}

// Real timers on one thread.
class AsyncCall : public testing::Test {
 protected:
  // What a call comes to that ends before run() does.
  template <class A>
  auto run(A call) {
    std::optional<typename A::value_type> result;
    asio::co_spawn(loop_, keep(std::move(call), result), asio::detached);
    loop_.run();
    loop_.restart();
    return std::move(*result);
  }
  template <class A, class R>
  static awaitable<void> keep(A call, std::optional<R>& result) {
    result.emplace(co_await std::move(call));
  }
  void after(Duration delay, std::function<void()> action) {
    auto wait = [](Duration d, std::function<void()> a) -> awaitable<void> {
      co_await sleep_for(d);
      a();
    };
    asio::co_spawn(loop_, wait(delay, std::move(action)), asio::detached);
  }
  // Starts a call that is cancelled by signal_.
  template <class A, class R>
  void start(A call, std::optional<R>& result) {
    asio::co_spawn(loop_, keep(std::move(call), result),
                   asio::bind_cancellation_slot(signal_.slot(), [](std::exception_ptr) {}));
  }
  Duration elapsed() const { return SteadyClock::now() - began_; }

  asio::io_context loop_;
  asio::cancellation_signal signal_;
  TimePoint began_ = SteadyClock::now();
  CircuitBreaker<> breaker_{tolerant()};
  Bulkhead bulkhead_{{.limit = 1}};
};

TEST_F(AsyncCall, GivesTheValueOrWhatWasThrown) {
  Pipeline pipeline{breaker_, bulkhead_, TimeLimit(30s)};
  auto value = run(async_call(pipeline, []() -> awaitable<std::string> {
    co_await sleep_for(1ms);
    co_return "answer";
  }));
  EXPECT_EQ(*value, "answer");
  Result<Nothing> thrown = run(async_call(pipeline, []() -> awaitable<void> {
    co_await sleep_for(1ms);
    throw std::runtime_error("no");
  }));
  EXPECT_TRUE(caused_by<std::runtime_error>(thrown.error().exception));
  EXPECT_EQ(breaker_.snapshot().succeeded, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
  EXPECT_EQ(bulkhead_.in_flight(), 0u);
  EXPECT_LT(elapsed(), 10s);  // nobody waits for the limit's timer
}

TEST_F(AsyncCall, TheTimeLimitCancelsTheOperation) {
  bool cancelled = false;
  Pipeline pipeline{breaker_, TimeLimit(20ms)};
  auto result = run(async_call(pipeline, [&](const Call& call) -> awaitable<int> {
    EXPECT_LE(call.deadline, SteadyClock::now() + 20ms);
    try {
      co_await sleep_for(10s);
    } catch (const boost::system::system_error& error) {
      cancelled = error.code() == asio::error::operation_aborted;
      throw;
    }
    co_return 1;
  }));
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(result.error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(breaker_.snapshot().timed_out, 1u);
  EXPECT_GE(elapsed(), 20ms);
  EXPECT_LT(elapsed(), 5s);
}

TEST_F(AsyncCall, ASlotIsFreeOnlyWhenTheWorkHasEnded) {
  Pipeline pipeline{breaker_, bulkhead_, TimeLimit(10ms)};
  bool ended = false;
  auto stubborn = [&]() -> awaitable<int> {
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await sleep_for(60ms);
    ended = true;
    co_return 1;
  };
  int looks = 0;
  after(30ms, [&] {
    ++looks;
    EXPECT_FALSE(ended);
    EXPECT_EQ(bulkhead_.in_flight(), 1u);
    EXPECT_FALSE(bulkhead_.try_acquire());
    EXPECT_EQ(breaker_.snapshot().failed, 0u);
  });
  auto result = run(async_call(pipeline, stubborn));
  EXPECT_EQ(looks, 1);
  EXPECT_TRUE(ended);
  EXPECT_EQ(bulkhead_.in_flight(), 0u);
  EXPECT_EQ(result.error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(breaker_.snapshot().timed_out, 1u);
}

awaitable<int> seven() { co_return 7; }

TEST_F(AsyncCall, AFullBulkheadIsWaitedForWithoutBlocking) {
  Bulkhead bulkhead({.limit = 1, .wait = 20s});
  auto slot = bulkhead.try_acquire();
  after(20ms, [&] {
    EXPECT_EQ(bulkhead.waiting(), 1u);
    slot = Bulkhead::Slot();
  });
  EXPECT_EQ(run(async_call(bulkhead, seven)).value_or(0), 7);
  EXPECT_GE(elapsed(), 20ms);
  EXPECT_LT(elapsed(), 10s);
  EXPECT_EQ(bulkhead.refused() + bulkhead.in_flight() + bulkhead.waiting(), 0u);
}

TEST_F(AsyncCall, TheWaitForABulkheadEndsInTimeAndByCancellation) {
  Bulkhead impatient({.name = "reports", .limit = 1, .wait = 20ms}), patient({.limit = 1, .wait = 20s});
  auto one = impatient.try_acquire(), other = patient.try_acquire();
  EXPECT_EQ(to_text(run(async_call(impatient, seven)).error()), "reports is full");
  EXPECT_GE(elapsed(), 20ms);
  std::optional<Result<int>> result;
  start(async_call(patient, seven), result);
  after(10ms, [&] { signal_.emit(asio::cancellation_type::terminal); });
  loop_.run();
  EXPECT_EQ(result.value().error().kind, Error::Kind::kCancelled);
  EXPECT_LT(elapsed(), 10s);
  EXPECT_EQ(impatient.waiting() + patient.waiting(), 0u);
}

TEST_F(AsyncCall, AThreadThatFreesASlotWakesACoroutine) {
  Bulkhead bulkhead({.limit = 1, .wait = 20s});
  for (int round = 0; round < 300; ++round) {
    auto slot = bulkhead.try_acquire();
    std::jthread thread([&] { slot = Bulkhead::Slot(); });
    EXPECT_EQ(run(async_call(bulkhead, seven)).value_or(0), 7);
  }
  EXPECT_LT(elapsed(), 10s);
}

TEST_F(AsyncCall, AConnectionOfAPoolIsWaitedForWithoutBlocking) {
  int opened = 0;
  Pool<int> pool({.limit = 1, .wait = 30ms}, [&]() -> std::optional<int> { return ++opened; });
  auto first = run(async_acquire(pool));
  EXPECT_EQ(*first, 1);
  after(5ms, [&] { first.release(); });
  auto second = run(async_acquire(pool));
  EXPECT_EQ(*second, 1);
  EXPECT_EQ(run(async_acquire(pool)).error().refusal.reason, Refusal::Reason::kPoolExhausted);
  EXPECT_EQ(pool.refused(), 1u);
  EXPECT_EQ(opened, 1);
}

TEST_F(AsyncCall, AFullBulkheadRefusesAtOnceAndIsNotRetried) {
  Retry retry(steady_retry(5, 10ms));
  auto slot = bulkhead_.try_acquire();
  Pipeline pipeline{retry, breaker_, bulkhead_};
  int calls = 0;
  auto result = run(async_call(pipeline, [&]() -> awaitable<int> { co_return ++calls; }));
  EXPECT_EQ(result.error().refusal.reason, Refusal::Reason::kBulkheadFull);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(breaker_.snapshot().ignored, 1u);
  breaker_.force_open();
  result = run(async_call(pipeline, [&]() -> awaitable<int> { co_return ++calls; }));
  EXPECT_EQ(result.error().refusal.reason, Refusal::Reason::kForcedOpen);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(retry.counts().retries, 0u);
}

TEST_F(AsyncCall, ARetryWaitsOnATimer) {
  Retry retry(steady_retry(5, 15ms));
  Pipeline pipeline{retry, breaker_};
  bool other_ran = false;
  after(5ms, [&] { other_ran = retry.counts().retries == 1; });
  auto result = run(async_call(pipeline, [&](const Call& call) -> awaitable<int> {
    if (call.attempt < 3) throw std::runtime_error("no");
    co_return static_cast<int>(call.attempt);
  }));
  EXPECT_EQ(*result, 3);
  EXPECT_TRUE(other_ran);
  EXPECT_GE(elapsed(), 30ms);
  EXPECT_EQ(retry.counts().recovered, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 2u);
}

TEST_F(AsyncCall, EachAttemptHasItsOwnTimeLimit) {
  Retry retry(steady_retry(3, 0ms));
  Pipeline pipeline{retry, breaker_, bulkhead_, TimeLimit(50ms)};
  auto result = run(async_call(pipeline, [&](const Call& call) -> awaitable<int> {
    if (call.attempt < 3) co_await sleep_for(10s);
    co_return 1;
  }));
  EXPECT_EQ(*result, 1);
  EXPECT_EQ(breaker_.snapshot().timed_out, 2u);
}

TEST_F(AsyncCall, ALimitCountsWhatItCancelsItself) {
  TimeLimit limit(10ms), inner(10s);
  Pipeline pipeline{limit, inner};
  auto result = run(async_call(pipeline, []() -> awaitable<int> {
    co_await sleep_for(10s);
    co_return 1;
  }));
  EXPECT_EQ(result.error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(limit.exceeded()->load(), 1u);
  EXPECT_EQ(inner.exceeded()->load(), 0u);
}

TEST_F(AsyncCall, ALimitFurtherOutIsATimeOutForTheBreakerWithin) {
  Retry retry(steady_retry(5, 1ms));
  Pipeline pipeline{TimeLimit(15ms), retry, breaker_};
  auto result = run(async_call(pipeline, []() -> awaitable<int> {
    co_await sleep_for(10s);
    co_return 1;
  }));
  EXPECT_EQ(result.error().kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(breaker_.snapshot().timed_out, 1u);
  EXPECT_EQ(retry.counts().retries, 0u);
}

TEST_F(AsyncCall, ACancelledCallIsIgnoredAndGivesEverythingBack) {
  Retry retry(steady_retry(5, 10s));
  Fallback fallback([] { return 0; });
  Pipeline pipeline{fallback, retry, breaker_, bulkhead_, TimeLimit(10s)};
  auto hangs = []() -> awaitable<int> {
    co_await sleep_for(10s);
    co_return 1;
  };
  std::optional<Result<int>> result;
  start(async_call(pipeline, hangs), result);
  after(10ms, [&] {
    EXPECT_EQ(bulkhead_.in_flight(), 1u);
    signal_.emit(asio::cancellation_type::terminal);
  });
  loop_.run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().kind, Error::Kind::kCancelled);
  EXPECT_EQ(breaker_.snapshot().ignored, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 0u);
  EXPECT_EQ(bulkhead_.in_flight(), 0u);
  EXPECT_EQ(fallback.succeeded(), 0u);
  EXPECT_LT(elapsed(), 5s);
}

TEST_F(AsyncCall, ACancellationOfAnyKindThatTheCallerLetsInReachesTheOperation) {
  Pipeline pipeline{breaker_, TimeLimit(10s)};
  std::optional<Result<int>> result;
  auto caller = [&]() -> awaitable<Result<int>> {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return co_await async_call(pipeline, []() -> awaitable<int> {
      co_await sleep_for(10s);
      co_return 1;
    });
  };
  start(caller(), result);
  after(10ms, [&] { signal_.emit(asio::cancellation_type::total); });
  loop_.run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().kind, Error::Kind::kCancelled);
  EXPECT_LT(elapsed(), 5s);
}

TEST_F(AsyncCall, ACallIsCancelledWhileItWaitsForARetry) {
  Retry retry(steady_retry(5, 10s));
  Pipeline pipeline{retry, breaker_};
  std::optional<Result<int>> result;
  start(async_call(pipeline,
                   []() -> awaitable<int> {
                     throw std::runtime_error("no");
                     co_return 1;
                   }),
        result);
  after(10ms, [&] { signal_.emit(asio::cancellation_type::terminal); });
  loop_.run();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->error().kind, Error::Kind::kCancelled);
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
  EXPECT_LT(elapsed(), 5s);
}

TEST_F(AsyncCall, AFallbackMayBeAwaited) {
  breaker_.force_open();
  Fallback slow([](const Error& error) -> awaitable<std::string> {
    std::string text = to_text(error);
    co_await sleep_for(1ms);
    co_return text;
  });
  Fallback plain([](const Error& error) { return to_text(error); });
  Fallback broken([]() -> awaitable<std::string> {
    throw std::runtime_error("no");
    co_return "";
  });
  auto op = []() -> awaitable<std::string> { co_return "answer"; };
  Pipeline first{slow, breaker_};
  Pipeline second{plain, breaker_};
  Pipeline third{broken, breaker_};
  EXPECT_EQ(*run(async_call(first, op)), "s is forced open");
  EXPECT_EQ(*run(async_call(second, op)), *run(async_call(first, op)));
  EXPECT_FALSE(run(async_call(third, op)));
  EXPECT_EQ(slow.succeeded(), 2u);
  EXPECT_EQ(plain.succeeded(), 1u);
  EXPECT_EQ(broken.failed(), 1u);
}

// Expected-like, of Boost's error codes.
struct Reply {
  using value_type = int;
  using error_type = boost::system::error_code;
  Reply(int v) : value(v) {}
  Reply(error_type e) : code(e) {}
  bool has_value() const { return !code; }
  const error_type& error() const { return code; }
  int value = 0;
  error_type code;
};

TEST_F(AsyncCall, AnExpectedLikeResultIsKeptAndAnExceptionPasses) {
  Pipeline pipeline{breaker_, TimeLimit(50ms)};
  Reply late = run(async_call(pipeline, []() -> awaitable<Reply> {
    boost::system::error_code code;
    asio::steady_timer timer(co_await asio::this_coro::executor, 10s);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
    co_return code;
  }));
  EXPECT_EQ(own_error(late)->kind, Error::Kind::kTimeLimit);
  EXPECT_EQ(breaker_.snapshot().timed_out, 1u);
  auto thrower = []() -> awaitable<Reply> {
    throw std::runtime_error("no");
    co_return 1;
  };
  auto catches = [&]() -> awaitable<bool> {
    try {
      (void)co_await async_call(pipeline, thrower);
    } catch (const std::runtime_error&) {
      co_return true;
    }
    co_return false;
  };
  EXPECT_TRUE(run(catches()));
  Fallback fallback([]() -> awaitable<int> { co_return 9; });
  Pipeline replaced{fallback, TimeLimit(1s)};
  auto failing = []() -> awaitable<Reply> { co_return boost::asio::error::make_error_code(asio::error::eof); };
  EXPECT_EQ(run(async_call(replaced, failing)).value, 9);
  EXPECT_EQ(breaker_.snapshot().failed, 2u);
}

TEST_F(AsyncCall, AnOperationThatCancelsItselfHasFailed) {
  CircuitBreaker breaker({.minimum_calls = 50});
  const Pipeline pipeline{breaker, TimeLimit(10s)};
  // The usual time-out of Asio's programs, with a timer in the socket's place.
  auto gives_up = []() -> awaitable<int> {
    auto executor = co_await asio::this_coro::executor;
    asio::steady_timer socket(executor, 10s), own_limit(executor, 1ms);
    own_limit.async_wait([&](boost::system::error_code) { socket.cancel(); });
    co_await socket.async_wait(asio::use_awaitable);
    co_return 1;
  };
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(breaker.state(), State::kClosed);
    EXPECT_EQ(run(async_call(pipeline, gives_up)).error().kind, Error::Kind::kException);
  }
  EXPECT_EQ(breaker.snapshot().failed, 50u);
  EXPECT_EQ(breaker.snapshot().ignored, 0u);
  EXPECT_EQ(breaker.state(), State::kOpen);
}

TEST_F(AsyncCall, TheCodeOfACancellationIsOneWhereTheCallWasCancelled) {
  auto aborted = []() -> awaitable<Reply> { co_return asio::error::make_error_code(asio::error::operation_aborted); };
  Retry once_more(steady_retry(2, 0ms));
  Fallback fallback([] { return 7; });
  EXPECT_EQ(run(async_call(Pipeline{fallback, once_more, breaker_}, aborted)).value, 7);
  EXPECT_EQ(breaker_.snapshot().failed, 2u);
  EXPECT_EQ(breaker_.snapshot().ignored, 0u);

  auto hangs = []() -> awaitable<Reply> {
    boost::system::error_code code;
    asio::steady_timer timer(co_await asio::this_coro::executor, 10s);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, code));
    co_return code;
  };
  run(async_call(Pipeline{TimeLimit(5ms), breaker_}, hangs));
  EXPECT_EQ(breaker_.snapshot().timed_out, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 3u);
  Pipeline unretried{fallback, once_more, breaker_};
  std::optional<Reply> result;
  start(async_call(unretried, hangs), result);
  after(5ms, [&] { signal_.emit(asio::cancellation_type::terminal); });
  loop_.run();
  EXPECT_EQ(breaker_.snapshot().ignored, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 3u);
  EXPECT_EQ(result->code, asio::error::operation_aborted);
  EXPECT_LT(elapsed(), 5s);
}

static_assert(detail::IsPending<awaitable<int>> && detail::IsPending<awaitable<void>>);

TEST_F(AsyncCall, GoesThroughOnePolicyOrAJudgedOneOrATemporaryPipeline) {
  auto judge = classify(fail_if([](int status) { return status >= 500; }));
  auto judged = breaker_.judged_by(judge);
  auto op = []() -> awaitable<int> { co_return 500; };
  EXPECT_EQ(*run(async_call(judged, op)), 500);
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
  EXPECT_EQ(*run(async_call(breaker_, op)), 500);
  EXPECT_EQ(breaker_.snapshot().succeeded, 1u);
  EXPECT_EQ(*run(async_call(Pipeline{breaker_, TimeLimit(1s)}, op)), 500);
}

struct Twice {
  static constexpr PolicyKind kKind = PolicyKind::kOther;
  std::string describe() const { return "twice"; }
  template <class R, class E, class Next>
  awaitable<R, E> async_run(Call& call, Next next) {
    (void)co_await next(call);
    co_return co_await next(call);
  }
};

TEST_F(AsyncCall, APolicyOfOnesOwnTakesPart) {
  int calls = 0;
  Pipeline pipeline{Twice(), breaker_};
  EXPECT_EQ(pipeline.describe(), "twice > circuit breaker s");
  EXPECT_EQ(*run(async_call(pipeline, [&]() -> awaitable<int> { co_return ++calls; })), 2);
}

TEST_F(AsyncCall, ALoopThatEndsDropsThePermitAndTheSlot) {
  {
    asio::io_context loop;
    std::optional<Result<int>> result;
    auto call = [&]() -> awaitable<void> {
      result.emplace(co_await async_call(Pipeline{breaker_, bulkhead_, TimeLimit(10s)}, []() -> awaitable<int> {
        co_await sleep_for(10s);
        co_return 1;
      }));
    };
    asio::co_spawn(loop, call, asio::detached);
    loop.poll();
    EXPECT_EQ(bulkhead_.in_flight(), 1u);
  }
  EXPECT_EQ(bulkhead_.in_flight(), 0u);
  EXPECT_EQ(breaker_.snapshot().abandoned, 1u);
}

TEST(AsyncCallThreads, CallsInStrandsShareThePolicies) {
  asio::io_context loop(2);
  CircuitBreaker breaker(tolerant());
  Bulkhead bulkhead({.limit = 50});
  Retry retry(steady_retry(2, 1ms));
  Pipeline pipeline{retry, breaker, bulkhead, TimeLimit(5ms)};
  std::atomic<int> in_time{0}, late{0};
  auto call = [&](int number) -> awaitable<void> {
    auto result = co_await async_call(pipeline, [number]() -> awaitable<int> {
      co_await sleep_for(number % 2 == 0 ? 0ms : 10s);
      co_return 1;
    });
    result ? ++in_time : ++late;
  };
  for (int i = 0; i < 200; ++i) asio::co_spawn(asio::make_strand(loop), call(i), asio::detached);
  std::jthread second([&] { loop.run(); });
  loop.run();
  second.join();
  EXPECT_EQ(in_time + late, 200);
  EXPECT_GE(late, 100);
  EXPECT_EQ(bulkhead.in_flight(), 0u);
  EXPECT_EQ(breaker.snapshot().abandoned, 0u);
}

}  // namespace
}  // namespace ordeal::resilience
