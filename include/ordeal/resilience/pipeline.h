// Pipeline: policies around a call, outermost first, composed at compile time.
//
//   Pipeline pipeline{fallback, retry, breaker, bulkhead, TimeLimit{3s}};
//   auto answer = pipeline.call([&](const Call& call) { return client.get(request, call.deadline); });
//
// A policy given by name is referred to and must outlive the pipeline; a temporary is kept. The function may take the
// Call (its deadline and attempt) or nothing. It is thread-safe as far as its policies are.
//
// A policy is anything with
//   template <class R, class Next> R run(Call& call, Next&& next);   next(call) makes the call and returns R
//   std::string describe() const;
//   static constexpr PolicyKind kKind
#pragma once

#include <concepts>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "ordeal/resilience/result.h"

namespace ordeal::resilience {

struct Call {
  TimePoint deadline = TimePoint::max();  // of this call, all policies considered; pass it to the socket
  uint32_t attempt = 1;
};

enum class PolicyKind : uint8_t { kFallback, kRetry, kCircuitBreaker, kBulkhead, kTimeLimit, kOther };

// What an order of policies is judged by.
struct PolicyFacts {
  PolicyKind kind = PolicyKind::kOther;
  std::string text;
  Duration limit = Duration::max();  // kTimeLimit
  std::vector<Duration> delays;      // kRetry: nominal
  bool retries_refused = false;      // kRetry
};

namespace detail {

std::string describe(const std::vector<PolicyFacts>& policies);
std::vector<std::string> warnings(const std::vector<PolicyFacts>& policies);

template <class P>
PolicyFacts facts_of(const P& policy) {
  PolicyFacts facts;
  facts.kind = P::kKind;
  facts.text = policy.describe();
  if constexpr (P::kKind == PolicyKind::kTimeLimit) facts.limit = policy.limit();
  if constexpr (P::kKind == PolicyKind::kRetry) {
    facts.delays = policy.nominal_delays();
    facts.retries_refused = policy.retries_refused();
  }
  return facts;
}

// What the function returns, given the call or nothing.
template <class F>
decltype(auto) invoke(F& function, const Call& call) {
  if constexpr (std::invocable<F&, const Call&>) {
    return function(call);
  } else {
    return function();
  }
}
template <class F>
using Returned = std::remove_cvref_t<decltype(invoke(std::declval<F&>(), std::declval<const Call&>()))>;

template <class T>
concept IsFuture = requires(T& t) {
  t.get();
  t.wait();
  t.valid();
};
template <class T>
concept IsAsioAwaitable = requires {
  typename T::value_type;
  typename T::executor_type;
};
// What has not ended when a function returns it.
template <class T>
concept IsPending = IsFuture<T> || IsAsioAwaitable<T> || requires(T& t) {
  t.await_ready();
} || requires(T& t) {
  std::move(t).operator co_await();
} || requires(T& t) {
  operator co_await(std::move(t));
};

template <class R, class F>
R value_of(F& function, const Call& call) {
  if constexpr (std::is_void_v<Returned<F>>) {
    invoke(function, call);
    return Nothing{};
  } else {
    return R(invoke(function, call));
  }
}

// The innermost step: a plain value becomes an R, and an exception too where an R can hold it.
template <class R, class F, bool = kExceptions>
R finish(F& function, const Call& call) {
  static_assert(ResultLike<Returned<F>> || !IsPending<Returned<F>>,
                "it has not ended when it returns: use guarded() or async_call()");
  if constexpr (ResultLike<Returned<F>>) {
    return invoke(function, call);
  } else if constexpr (!std::constructible_from<R, Error>) {
    return value_of<R>(function, call);
  } else {
#ifdef __cpp_exceptions
    try {
      return value_of<R>(function, call);
    } catch (...) {
      return Error{Error::Kind::kException, {}, std::current_exception()};
    }
#else
    return value_of<R>(function, call);
#endif
  }
}

}  // namespace detail

template <class... P>
class Pipeline;

// A policy with another idea of what a failure is: `classifier(result)` gives the Outcome.
template <class Policy, class Classifier>
class Judged {
 public:
  Judged(Policy& by, Classifier judge) : policy_(by), classifier_(std::move(judge)) {}
  static constexpr PolicyKind kKind = Policy::kKind;
  std::string describe() const { return policy_.describe(); }
  // Of a Retry.
  std::vector<Duration> nominal_delays() const { return policy_.nominal_delays(); }
  bool retries_refused() const { return policy_.retries_refused(); }
  // Through this policy: see Pipeline::call.
  template <class F, bool = detail::kExceptions>
  ResultFor<detail::Returned<F>> call(F&& function) {
    return Pipeline<Judged&>(*this).call(function);
  }
  template <class R, class Next>
  R run(Call& call, Next&& next) {
    return policy_.template run_judged<R>(call, next, classifier_);
  }
  Policy& policy() const { return policy_; }
  const Classifier& classifier() const { return classifier_; }

 private:
  Policy& policy_;
  Classifier classifier_;
};

template <class... P>
class Pipeline {
  static_assert(((std::is_reference_v<P> || std::move_constructible<P>)&&...),
                "this policy has state that calls share: make it a variable and give that");

 public:
  Pipeline(P&&... policies) : policies_(std::forward<P>(policies)...) {}

  // `Result<T>` of a function that returns a plain T (what it throws is the error's exception), else what the function
  // returns. An exception from a function that returns an expected-like type passes through and counts as a failure.
  // What is not over then, a future or an awaitable, does not compile.
  template <class F, bool = detail::kExceptions>
  ResultFor<detail::Returned<F>> call(F&& function) const {
    Call call;
    return step<0, ResultFor<detail::Returned<F>>>(call, function);
  }

  // "retry (5 attempts) > circuit breaker stripe > time limit 3 s", outermost first.
  std::string describe() const { return detail::describe(facts()); }
  // A sentence for each order that is known to be wrong. Print them at the start.
  std::vector<std::string> warnings() const { return detail::warnings(facts()); }
  std::tuple<P...>& policies() const { return policies_; }

 private:
  template <size_t I, class R, class F, bool = detail::kExceptions>
  R step(Call& call, F& function) const {
    if constexpr (I == sizeof...(P)) {
      return detail::finish<R>(function, call);
    } else {
      return std::get<I>(policies_).template run<R>(call, [&](Call& next) { return step<I + 1, R>(next, function); });
    }
  }
  std::vector<PolicyFacts> facts() const {
    return std::apply([](const auto&... each) { return std::vector<PolicyFacts>{detail::facts_of(each)...}; },
                      policies_);
  }

  mutable std::tuple<P...> policies_;  // they are called through a const pipeline, and thread-safe by themselves
};

template <class... P>
Pipeline(P&&...) -> Pipeline<P...>;

}  // namespace ordeal::resilience
