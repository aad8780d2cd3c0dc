// Fallback: another answer when there is none. The function gets the Error where the policies made it (a refusal, a
// passed time limit, an exception), or the callee's own error where it takes that; it returns the value or the result.
//
//   Fallback fallback{[&](const Error& error) { return cached(amount, to_text(error)); }};
//
// Ignored errors (cancelled; what the classifier says) are not replaced, unless a bulkhead or a pool refused. An
// exception from the function becomes an error of a Result, and passes through otherwise.
#pragma once

#include <atomic>
#include <utility>

#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience {

template <class F>
class Fallback {
 public:
  explicit Fallback(F function) : function_(std::move(function)) {}
  // For a place in a Pipeline, before it is used.
  Fallback(Fallback&& other) noexcept : function_(std::move(other.function_)) {}

  static constexpr PolicyKind kKind = PolicyKind::kFallback;
  std::string describe() const { return "fallback"; }
  uint64_t succeeded() const { return succeeded_.load(std::memory_order_relaxed); }
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  template <class Classifier>
  Judged<Fallback, Classifier> judged_by(Classifier classifier) {
    return {*this, std::move(classifier)};
  }

  template <class R, class Next>
  R run(Call& call, Next&& next) {
    return run_judged<R>(call, next, DefaultClassifier());
  }
  template <class R, class Next, class Classifier>
  R run_judged(Call& call, Next&& next, const Classifier& classifier) {
    R result = next(call);
    // A refusal is ignored by breakers where it is the caller's own; it wants an answer all the same.
    Outcome outcome = classifier(result);
    auto own = own_error(result);
    bool refused = own && own->kind == Error::Kind::kRefused;
    if (outcome == Outcome::kSuccess || (outcome == Outcome::kIgnored && !refused)) return result;
    auto answer = [&](const Call&) { return replace(result, own); };
    R replaced = detail::finish<R>(answer, call);
    (ResultTraits<R>::good(replaced) ? succeeded_ : failed_).fetch_add(1, std::memory_order_relaxed);
    return replaced;
  }

 private:
  template <class R>
  auto replace(const R& result, const std::optional<Error>& own) {
    using OwnType = typename ResultTraits<R>::ErrorType;
    if constexpr (std::invocable<F&, const OwnType&>) {
      return function_(ResultTraits<R>::error(result));
    } else if constexpr (std::invocable<F&, const Error&>) {
      return function_(own.value_or(Error{Error::Kind::kException, {}, nullptr}));
    } else {
      return function_();
    }
  }

  F function_;
  std::atomic<uint64_t> succeeded_{0}, failed_{0};
};

}  // namespace ordeal::resilience
