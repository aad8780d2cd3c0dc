// A Pipeline around an Asio coroutine: nothing blocks, and the time limit cancels.
//
//   Pipeline pipeline{fallback, retry, breaker, bulkhead, TimeLimit{3s}};
//   Result<Answer> answer = co_await async_call(pipeline, [&](const Call&) -> boost::asio::awaitable<Answer> {
//     co_return co_await client.get(request);
//   });
//
// The operation may take the Call or nothing, and is kept; a pipeline given by name must outlive the call. As
// Pipeline::call, but that
//  - a time limit cancels the operation by its cancellation slot and waits until it has ended: slots and permits are
//    held until then, and an operation that does not heed cancellation is waited for;
//  - a retry and a bulkhead wait on timers;
//  - a fallback's function may return an awaitable;
//  - a call that is cancelled from outside counts as Outcome::kIgnored and comes to Error::Kind::kCancelled; one that a
//    time limit further out cancels counts as a time-out; operation_aborted where nobody cancelled is a failure.
// A policy of your own takes part by  template <class R, class E, class Next>
//   boost::asio::awaitable<R, E> async_run(Call& call, Next next);   co_await next(call) makes the call
//
// async_acquire(pool) is Pool::acquire that waits on a timer; what opens the connection should not block either: give
// one that is not open yet.
//
// Where several threads run the io_context, the coroutine belongs in a strand: cancelling is not thread-safe in Asio.
// Needs exceptions. With ORDEAL_RESILIENCE_STANDALONE_ASIO it is for the Asio without Boost.
#pragma once

#ifdef ORDEAL_RESILIENCE_STANDALONE_ASIO
#include <asio/awaitable.hpp>
#include <asio/cancellation_state.hpp>
#include <asio/co_spawn.hpp>
#include <asio/deferred.hpp>
#include <asio/error.hpp>
#include <asio/experimental/parallel_group.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#else
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#endif

#include <algorithm>
#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/pool.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {

namespace detail {

// The namespace keeps units with and without Boost apart when they are linked into one program.
#ifdef ORDEAL_RESILIENCE_STANDALONE_ASIO
inline namespace standalone {
namespace asio = ::asio;
using AsioErrorCode = ::asio::error_code;
using AsioSystemError = ::asio::system_error;
#else
inline namespace boosted {
namespace asio = ::boost::asio;
using AsioErrorCode = ::boost::system::error_code;
using AsioSystemError = ::boost::system::system_error;
#endif

template <class A>
struct AwaitableTraits {
  static constexpr bool kIsAwaitable = false;
};
template <class T, class E>
struct AwaitableTraits<asio::awaitable<T, E>> {
  static constexpr bool kIsAwaitable = true;
  using Value = T;
  using Executor = E;
};
template <class F>
using AwaitableOf = AwaitableTraits<Returned<F>>;
template <class F>
concept AsyncOperation = AwaitableOf<F>::kIsAwaitable;
template <class F>
using AsyncCallOf = asio::awaitable<ResultFor<typename AwaitableOf<F>::Value>, typename AwaitableOf<F>::Executor>;

// ---- Cancellation ----

inline bool is_cancellation(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const AsioSystemError& error) {
    return error.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

// A cancellation after the deadline is a time limit's doing.
inline Error cancelled(const Call& call) {
  bool late = SteadyClock::now() >= call.deadline;
  return {late ? Error::Kind::kTimeLimit : Error::Kind::kCancelled, {}, nullptr};
}

// Work that gives up by itself, as by a timer that cancels its socket, ends as if it were cancelled, and has failed.
inline bool was_cancelled(const asio::cancellation_state& state) {
  return state.cancelled() != asio::cancellation_type::none;
}

inline Error error_of(const std::exception_ptr& thrown, const Call& call, const asio::cancellation_state& state) {
  bool ended_so = was_cancelled(state) && is_cancellation(thrown);
  return ended_so ? cancelled(call) : Error{Error::Kind::kException, {}, thrown};
}

// A result may hold the code of a cancellation, too; DefaultClassifier cannot see whether it was one.
template <class Classifier>
struct AsyncClassifier {
  const Classifier& classifier;
  const Call& call;
  asio::cancellation_state state;

  template <ResultLike R>
  Outcome operator()(const R& result) const {
    if constexpr (std::same_as<Classifier, DefaultClassifier>) {
      auto own = own_error(result);
      if (own && own->kind == Error::Kind::kCancelled) {
        return was_cancelled(state) ? outcome_of(cancelled(call)) : Outcome::kFailure;
      }
    }
    return classifier(result);
  }
};
template <class Classifier>
AsyncClassifier(const Classifier&, const Call&, asio::cancellation_state) -> AsyncClassifier<Classifier>;

// ---- The operation ----

template <class R, class E, class Op>
asio::awaitable<R, E> async_value(Op& op, const Call& call) {
  if constexpr (std::is_void_v<typename AwaitableOf<Op>::Value>) {
    co_await invoke(op, call);
    co_return R(Nothing());
  } else {
    co_return R(co_await invoke(op, call));
  }
}

template <class R, class E, class Op>
asio::awaitable<R, E> async_finish(Op& op, const Call& call) {
  if constexpr (ResultLike<typename AwaitableOf<Op>::Value>) {
    co_return co_await invoke(op, call);
  } else if constexpr (!std::constructible_from<R, Error>) {
    co_return co_await async_value<R, E>(op, call);
  } else {
    std::exception_ptr thrown;
    try {
      co_return co_await async_value<R, E>(op, call);
    } catch (...) {
      thrown = std::current_exception();
    }
    co_return error_of(thrown, call, co_await asio::this_coro::cancellation_state);
  }
}

// ---- The policies ----

template <class R, class E, Clock C, class Next, class Classifier>
asio::awaitable<R, E> async_run(CircuitBreaker<C>& breaker, Call& call, Next next, const Classifier& classifier) {
  auto permit = breaker.try_acquire();
  if (!permit) co_return refuse<R>(permit.refusal());
  std::exception_ptr thrown;
  try {
    R result = co_await next(call);
    AsyncClassifier in_call{classifier, call, co_await asio::this_coro::cancellation_state};
    permit.record(judge(in_call, result));
    co_return result;
  } catch (...) {
    thrown = std::current_exception();
  }
  permit.record(outcome_of(error_of(thrown, call, co_await asio::this_coro::cancellation_state)));
  std::rethrow_exception(thrown);
}

// Woken by posting, so that it is this coroutine's executor that cancels the timer.
template <class E>
asio::awaitable<Bulkhead::Slot, E> async_slot(Bulkhead& bulkhead, TimePoint deadline) {
  if (bulkhead.wait() == Duration::zero()) co_return bulkhead.try_acquire();
  Bulkhead::Slot slot = bulkhead.take_at_once();
  if (slot) co_return slot;
  auto executor = co_await asio::this_coro::executor;
  TimePoint until = std::min(deadline, later(SteadyClock::now(), bulkhead.wait()));
  auto timer = std::make_shared<asio::steady_timer>(executor, until);
  Bulkhead::Place place(bulkhead, [executor, timer] { asio::post(executor, [timer] { timer->cancel(); }); });
  AsioErrorCode error;
  if (!place.served()) co_await timer->async_wait(asio::redirect_error(asio::use_awaitable_t<E>(), error));
  co_return place.leave();
}

template <class R, class E, class Next, class Classifier>
asio::awaitable<R, E> async_run(Bulkhead& bulkhead, Call& call, Next next, const Classifier&) {
  auto slot = co_await async_slot<E>(bulkhead, call.deadline);
  if (!slot) {
    auto state = co_await asio::this_coro::cancellation_state;
    if (was_cancelled(state)) co_return ResultTraits<R>::make(cancelled(call));
    co_return refuse<R>({Refusal::Reason::kBulkheadFull, bulkhead.name().c_str(), Duration::zero()});
  }
  co_return co_await next(call);
}

// Whether it was waited to the end.
template <class E>
asio::awaitable<bool, E> async_sleep(Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  AsioErrorCode error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable_t<E>(), error));
  co_return !error;
}

template <class R, class E, Clock C, class Sleep, class Next, class Classifier>
asio::awaitable<R, E> async_run(Retry<C, Sleep>& retry, Call& call, Next next, const Classifier& classifier) {
  retry.begin();
  Duration last{0};
  Call mine = call;
  for (mine.attempt = 1;; ++mine.attempt) {
    R result = co_await next(mine);
    // A limit further out has cancelled it; the retry's clock may be late.
    if (!ResultTraits<R>::good(result) && SteadyClock::now() >= call.deadline) co_return result;
    AsyncClassifier in_call{classifier, call, co_await asio::this_coro::cancellation_state};
    auto delay = retry.next_delay(result, mine, last, in_call);
    if (!delay) co_return result;
    last = *delay;
    bool waited = co_await async_sleep<E>(last);
    if (!waited) co_return ResultTraits<R>::make(cancelled(call));
  }
}

template <class R, class E, class Next>
asio::awaitable<void, E> async_into(std::optional<R>& result, Next& next, Call& call) {
  // The caller's coroutine has chosen already which kinds of cancellation reach this one.
  auto cancellation = co_await asio::this_coro::cancellation_state;
  if (cancellation.cancelled() == asio::cancellation_type::none) {
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  }
  result.emplace(co_await next(call));
}

template <class R, class E, Clock C, class Next, class Classifier>
asio::awaitable<R, E> async_run(TimeLimit<C>& limit, Call& call, Next next, const Classifier&) {
  const TimePoint outer = call.deadline;
  call.deadline = std::min(outer, later(SteadyClock::now(), limit.limit()));
  auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, call.deadline);
  std::optional<R> result;
  auto group = asio::experimental::make_parallel_group(
      asio::co_spawn(executor, async_into<R, E>(result, next, call), asio::deferred), timer.async_wait(asio::deferred));
  auto [order, thrown, waited] =
      co_await group.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable_t<E>());
  bool late = (order[0] == 1 && !waited) || SteadyClock::now() > call.deadline;
  if (late && call.deadline < outer) limit.count();
  call.deadline = outer;
  if (late) co_return ResultTraits<R>::make(Error{Error::Kind::kTimeLimit, {}, nullptr});
  if (thrown) std::rethrow_exception(thrown);
  co_return std::move(*result);
}

template <class R, class E, class F, class Next, class Classifier>
asio::awaitable<R, E> async_run(Fallback<F>& fallback, Call& call, Next next, const Classifier& classifier) {
  std::optional<R> result = co_await next(call);
  AsyncClassifier in_call{classifier, call, co_await asio::this_coro::cancellation_state};
  if (fallback.is_wanted(*result, in_call)) {
    auto ask = [&fallback, told = fallback.told(*result)](const Call&) { return fallback.answer(told); };
    if constexpr (AsyncOperation<decltype(ask)>) {
      result.emplace(co_await async_finish<R, E>(ask, call));
    } else {
      result.emplace(finish<R>(ask, call));
    }
    fallback.count(ResultTraits<R>::good(*result));
  }
  co_return std::move(*result);
}

// ---- The pipeline ----

inline constexpr DefaultClassifier kDefaultClassifier;

template <class R, class E, class Policy, class Next>
asio::awaitable<R, E> async_through(Policy& policy, Call& call, Next next) {
  if constexpr (requires { policy.template async_run<R, E>(call, next); }) {
    return policy.template async_run<R, E>(call, next);
  } else {
    return async_run<R, E>(policy, call, next, kDefaultClassifier);
  }
}
template <class R, class E, class Policy, class Classifier, class Next>
asio::awaitable<R, E> async_through(Judged<Policy, Classifier>& judged, Call& call, Next next) {
  return async_run<R, E>(judged.policy(), call, next, judged.classifier());
}

template <size_t I, class R, class E, class Policies, class Op>
asio::awaitable<R, E> async_step(Policies& policies, Call& call, Op& op) {
  if constexpr (I == std::tuple_size_v<Policies>) {
    return async_finish<R, E>(op, call);
  } else {
    auto next = [&policies, &op](Call& inner) { return async_step<I + 1, R, E>(policies, inner, op); };
    return async_through<R, E>(std::get<I>(policies), call, next);
  }
}

// P is a Pipeline or a reference to one.
template <class P, class Op>
AsyncCallOf<Op> async_run_all(P pipeline, Op op) {
  using R = ResultFor<typename AwaitableOf<Op>::Value>;
  using E = typename AwaitableOf<Op>::Executor;
  Call call;
  auto all = [&] { return async_step<0, R, E>(pipeline.policies(), call, op); };
  if constexpr (ResultLike<typename AwaitableOf<Op>::Value>) {
    co_return co_await all();
  } else {
    // A coroutine that is cancelled throws wherever it awaits next, between two policies as well.
    std::exception_ptr thrown;
    try {
      co_return co_await all();
    } catch (...) {
      thrown = std::current_exception();
    }
    co_return error_of(thrown, call, co_await asio::this_coro::cancellation_state);
  }
}

}  // namespace boosted or standalone
}  // namespace detail

template <class... P, detail::AsyncOperation Op>
detail::AsyncCallOf<Op> async_call(const Pipeline<P...>& pipeline, Op op) {
  return detail::async_run_all<const Pipeline<P...>&>(pipeline, std::move(op));
}
template <class... P, detail::AsyncOperation Op>
detail::AsyncCallOf<Op> async_call(Pipeline<P...>&& pipeline, Op op) {
  return detail::async_run_all<Pipeline<P...>>(std::move(pipeline), std::move(op));
}
// Through one policy.
template <class Policy, detail::AsyncOperation Op>
requires requires { Policy::kKind; }
detail::AsyncCallOf<Op> async_call(Policy& policy, Op op) {
  return async_call(Pipeline<Policy&>(policy), std::move(op));
}

template <class Connection, Clock C>
detail::asio::awaitable<typename Pool<Connection, C>::Lease> async_acquire(
    Pool<Connection, C>& pool, TimePoint deadline = TimePoint::max(),
    SourceLocation where = SourceLocation::current()) {
  auto slot = co_await detail::async_slot<detail::asio::any_io_executor>(pool.slots(), deadline);
  co_return pool.lease_with(std::move(slot), where);
}

#ifndef ORDEAL_RESILIENCE_STANDALONE_ASIO
// For results whose errors are Boost's error codes: as std::error_code.
template <>
struct ErrorTraits<::boost::system::error_code> {
  static ::boost::system::error_code make(const Error& error) { return ErrorTraits<std::error_code>::make(error); }
  static std::optional<Error> read(const ::boost::system::error_code& code) {
    return ErrorTraits<std::error_code>::read(code);
  }
};
#endif

}  // namespace ordeal::resilience
