// guarded(): a breaker around anything that can be awaited, whatever runs the coroutine.
//
//   Result<Answer> answer = co_await guarded(breaker, client.get(request));
//   auto other = co_await guarded(breaker, client.get(request), classify(...));
//
// The breaker is asked when it is awaited. If it refuses, the awaitable is not touched and the coroutine goes on at
// once with the refusal; else what it comes to is recorded, as in Pipeline::call. A coroutine that is destroyed while
// it waits drops its permit: abandoned. An lvalue is referred to, a temporary is kept.
//
// A promise that lets only its own awaitables in (boost::asio::awaitable) does not let this in: use asio.h.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "ordeal/resilience/circuit_breaker.h"

namespace ordeal::resilience {

namespace detail {

template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
  if constexpr (requires { std::forward<A>(awaitable).operator co_await(); }) {
    return std::forward<A>(awaitable).operator co_await();
  } else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); }) {
    return operator co_await(std::forward<A>(awaitable));
  } else {
    return std::forward<A>(awaitable);
  }
}

// What the function returns; `otherwise`, and the exception in `thrown`, where it throws.
template <class T, class F>
T caught([[maybe_unused]] std::exception_ptr& thrown, [[maybe_unused]] T otherwise, F&& function) {
#ifdef __cpp_exceptions
  try {
    return function();
  } catch (...) {
    thrown = std::current_exception();
    return otherwise;
  }
#else
  return function();
#endif
}

}  // namespace detail

template <Clock C, class A, class Classifier, bool = detail::kExceptions>
class [[nodiscard]] Guarded {
 public:
  Guarded(CircuitBreaker<C>& breaker, A&& awaitable, Classifier classifier)
      : breaker_(breaker), classifier_(std::move(classifier)), awaitable_(std::forward<A>(awaitable)) {}

  bool await_ready() {
    permit_.emplace(breaker_.try_acquire());
    if (!*permit_) return true;
    return detail::caught(thrown_, true, [&] {
      work_.emplace(std::forward<A>(awaitable_));
      return static_cast<bool>(work_->awaiter.await_ready());
    });
  }

  // Nothing of *this is touched after the inner one: the coroutine may have gone on elsewhere, and be gone.
  template <class Promise>
  auto await_suspend(std::coroutine_handle<Promise> caller) {
    using Suspended = decltype(work_->awaiter.await_suspend(caller));
    if constexpr (std::is_void_v<Suspended>) {
      return detail::caught(thrown_, false, [&] { return work_->awaiter.await_suspend(caller), true; });
    } else if constexpr (std::is_same_v<Suspended, bool>) {
      return detail::caught(thrown_, false, [&] { return work_->awaiter.await_suspend(caller); });
    } else {
      return detail::caught(thrown_, std::coroutine_handle<>(caller),
                            [&] { return std::coroutine_handle<>(work_->awaiter.await_suspend(caller)); });
    }
  }

  auto await_resume() {
    auto resume = [&]() -> Awaited {
      if (thrown_) std::rethrow_exception(thrown_);
      return work_->awaiter.await_resume();
    };
    using R = ResultFor<detail::Returned<decltype(resume)>>;
    if (!*permit_) return refuse<R>(permit_->refusal());
    FailUnlessReported guard{*permit_};
    R result = detail::finish<R>(resume, Call());
    permit_->record(detail::judge(classifier_, result));
    return result;
  }

 private:
  using Permit = typename CircuitBreaker<C>::Permit;
  using Awaiter = decltype(detail::awaiter_of(std::declval<A>()));
  using Awaited = decltype(std::declval<std::remove_reference_t<Awaiter>&>().await_resume());
  struct FailUnlessReported {
    Permit& permit;
    ~FailUnlessReported() { permit.failure(); }
  };
  struct Work {
    explicit Work(A&& awaitable) : awaiter(detail::awaiter_of(std::forward<A>(awaitable))) {}
    Awaiter awaiter;
  };

  CircuitBreaker<C>& breaker_;
  [[no_unique_address]] Classifier classifier_;
  std::optional<Permit> permit_;  // outlives the work
  A awaitable_;
  std::optional<Work> work_;
  std::exception_ptr thrown_;
};

template <Clock C, class A, class Classifier = DefaultClassifier>
Guarded<C, A, Classifier> guarded(CircuitBreaker<C>& breaker, A&& awaitable, Classifier classifier = {}) {
  return {breaker, std::forward<A>(awaitable), std::move(classifier)};
}

}  // namespace ordeal::resilience
