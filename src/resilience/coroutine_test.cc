#include "ordeal/resilience/coroutine.h"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "ordeal/resilience/classify.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;
using Breaker = CircuitBreaker<ManualClock>;

// Starts at once; its frame lives until the Task does not.
struct Task {
  struct promise_type {
    Task get_return_object() { return Task{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { thrown = std::current_exception(); }
    std::exception_ptr thrown;
  };
  explicit Task(std::coroutine_handle<promise_type> started) : frame(started) {}
  Task(Task&& other) noexcept : frame(std::exchange(other.frame, nullptr)) {}
  ~Task() { cancel(); }
  bool done() const { return frame.done(); }
  void cancel() {
    if (frame) std::exchange(frame, nullptr).destroy();
  }
  std::coroutine_handle<promise_type> frame;
};

// Ready when it is told to be.
template <class T>
struct Manual {
  bool await_ready() {
    ++awaited;
    return value.has_value();
  }
  void await_suspend(std::coroutine_handle<> handle) { waiting = handle; }
  T await_resume() {
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*value);
  }
  void complete(T with) {
    value = std::move(with);
    waiting.resume();
  }
  template <class E>
  void fail(E exception) {
    thrown = std::make_exception_ptr(std::move(exception));
    waiting.resume();
  }

  int awaited = 0;
  std::optional<T> value;
  std::exception_ptr thrown;
  std::coroutine_handle<> waiting;
};

template <class A, class R>
Task await_into(Breaker& breaker, A& awaitable, std::optional<R>& result) {
  result.emplace(co_await guarded(breaker, awaitable));
}

class GuardedTest : public testing::Test {
 protected:
  ManualClock clock_;
  Breaker breaker_{{.name = "s", .minimum_calls = 100, .open_for = 1s, .open_jitter = 0}, clock_};
};

TEST_F(GuardedTest, RecordsWhatTheAwaitableComesTo) {
  Manual<int> good, bad;
  std::optional<Result<int>> first, second;
  Task one = await_into(breaker_, good, first), two = await_into(breaker_, bad, second);
  EXPECT_FALSE(first);
  good.complete(7);
  bad.fail(std::runtime_error("no"));
  EXPECT_EQ(**first, 7);
  EXPECT_EQ(second->error().kind, Error::Kind::kException);
  EXPECT_TRUE(caused_by<std::runtime_error>(second->error().exception));
  EXPECT_EQ(breaker_.snapshot().succeeded, 1u);
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
}

TEST_F(GuardedTest, ARefusalComesAtOnceAndTheAwaitableIsNotTouched) {
  Manual<int> work;
  std::optional<Result<int>> result;
  auto prepared = guarded(breaker_, work);  // asks when awaited
  breaker_.force_open();
  auto coroutine = [&]() -> Task { result.emplace(co_await std::move(prepared)); };
  Task task = coroutine();
  ASSERT_TRUE(task.done());
  EXPECT_EQ(result->error().refusal.reason, Refusal::Reason::kForcedOpen);
  EXPECT_EQ(work.awaited, 0);
}

TEST_F(GuardedTest, ACancelledCoroutineGivesItsPlaceBack) {
  breaker_.open_for(1s);
  clock_.advance(1s);
  Manual<int> probe;
  std::optional<Result<int>> result;
  {
    Task task = await_into(breaker_, probe, result);
    EXPECT_FALSE(breaker_.try_acquire());
    task.cancel();
  }
  EXPECT_EQ(breaker_.state(), State::kHalfOpen);
  EXPECT_EQ(breaker_.snapshot().abandoned, 1u);
  EXPECT_TRUE(breaker_.try_acquire());
}

// Expected-like, with an error of its own.
struct Fault {
  int code = 0;
};
struct Answer {
  using value_type = int;
  using error_type = Fault;
  Answer(int v) : value(v) {}
  Answer(Fault f) : fault(f) {}
  bool has_value() const { return value.has_value(); }
  const int& operator*() const { return *value; }
  const Fault& error() const { return fault; }
  std::optional<int> value;
  Fault fault;
};

}  // namespace

template <>
struct ErrorTraits<Fault> {
  static Fault make(const Error& error) { return {-1 - static_cast<int>(error.kind)}; }
  static std::optional<Error> read(const Fault& fault) {
    if (fault.code >= 0) return std::nullopt;
    return Error{static_cast<Error::Kind>(-1 - fault.code), {}, nullptr};
  }
};

namespace {

TEST_F(GuardedTest, AnExpectedLikeResultIsKeptAndAnExceptionPasses) {
  std::optional<Answer> result;
  Manual<Answer> bad, thrown, refused;
  Task first = await_into(breaker_, bad, result);
  bad.complete(Fault{5});
  EXPECT_EQ(result->error().code, 5);
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
  Task second = await_into(breaker_, thrown, result);
  thrown.fail(std::runtime_error("no"));
  EXPECT_TRUE(caused_by<std::runtime_error>(second.frame.promise().thrown));
  EXPECT_EQ(breaker_.snapshot().failed, 2u);
  breaker_.force_open();
  Task third = await_into(breaker_, refused, result);
  EXPECT_EQ(own_error(*result)->kind, Error::Kind::kRefused);
}

TEST_F(GuardedTest, AClassifierJudges) {
  auto coroutine = [&]() -> Task {
    Manual<int> work;
    work.value = 500;
    auto judge = classify(fail_if([](int status) { return status >= 500; }));
    auto result = co_await guarded(breaker_, work, judge);
    EXPECT_EQ(*result, 500);
  };
  Task task = coroutine();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(breaker_.snapshot().failed, 1u);
}

struct ByMember {
  Manual<int> operator co_await() && {
    Manual<int> ready;
    ready.value = 3;
    return ready;
  }
};
struct ByFunction {};
Manual<int> operator co_await(const ByFunction&) {
  Manual<int> ready;
  ready.value = 4;
  return ready;
}
struct Unmovable : std::suspend_never {
  Unmovable() = default;
  Unmovable(Unmovable&&) = delete;
};
struct MakesUnmovable {
  Unmovable operator co_await() { return {}; }
};

TEST_F(GuardedTest, AwaitsThroughEitherOperator) {
  auto coroutine = [&]() -> Task {
    auto member = co_await guarded(breaker_, ByMember());
    auto function = co_await guarded(breaker_, ByFunction());
    Result<Nothing> nothing = co_await guarded(breaker_, MakesUnmovable());
    EXPECT_EQ(*member + *function, 7);
    EXPECT_TRUE(nothing);
  };
  Task task = coroutine();
  ASSERT_TRUE(task.done());
  EXPECT_FALSE(task.frame.promise().thrown);
  EXPECT_EQ(breaker_.snapshot().succeeded, 3u);
}

struct GoesOn : Manual<int> {
  GoesOn() { value = 1; }
  bool await_ready() { return false; }
  bool await_suspend(std::coroutine_handle<>) { return false; }
};
struct Transfers : GoesOn {
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) { return handle; }
};
struct ThrowsWhenAsked : GoesOn {
  bool await_ready() { throw std::runtime_error("ready"); }
};
struct ThrowsWhenSuspended : GoesOn {
  void await_suspend(std::coroutine_handle<>) { throw std::runtime_error("suspend"); }
};
struct ThrowsWhenTransferred : GoesOn {
  std::coroutine_handle<> await_suspend(std::coroutine_handle<>) { throw std::runtime_error("suspend"); }
};

TEST_F(GuardedTest, SuspendsInEveryWay) {
  auto good = [&](auto work) -> Task {
    auto result = co_await guarded(breaker_, work);
    EXPECT_EQ(*result, 1);
  };
  auto bad = [&](auto work) -> Task {
    auto result = co_await guarded(breaker_, work);
    EXPECT_TRUE(caused_by<std::runtime_error>(result.error().exception));
  };
  EXPECT_TRUE(good(GoesOn()).done());
  EXPECT_TRUE(good(Transfers()).done());
  EXPECT_TRUE(bad(ThrowsWhenAsked()).done());
  EXPECT_TRUE(bad(ThrowsWhenSuspended()).done());
  EXPECT_TRUE(bad(ThrowsWhenTransferred()).done());
  EXPECT_EQ(breaker_.snapshot().succeeded, 2u);
  EXPECT_EQ(breaker_.snapshot().failed, 3u);
}

}  // namespace
}  // namespace ordeal::resilience
