// Fallback: another answer when there is none. The function gets the Error where the policies made it (a refusal, a
// passed time limit, an exception), or the callee's own error where it takes that; it returns the value or the result.
//
//   Fallback fallback{[&](const Error& error) { return cached(amount, to_text(error)); }};
//
// Ignored errors (cancelled; what the classifier says) are not replaced, unless a bulkhead or a pool refused. An
// exception from the function becomes an error of a Result, and passes through otherwise.
#pragma once

#include <atomic>
#include <string>
#include <utility>

#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience {

template <class F>
class Fallback {
 public:
  explicit Fallback(F function, std::string name = "fallback")
      : function_(std::move(function)), name_(std::move(name)) {}
  // For a place in a Pipeline, before it is used.
  Fallback(Fallback&& other) noexcept : function_(std::move(other.function_)), name_(std::move(other.name_)) {}

  static constexpr PolicyKind kKind = PolicyKind::kFallback;
  const std::string& name() const { return name_; }
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
    if (!is_wanted(result, classifier)) return result;
    auto ask = [&, what = told(result)](const Call&) { return answer(what); };
    R replaced = detail::finish<R>(ask, call);
    count(ResultTraits<R>::good(replaced));
    return replaced;
  }

  // The parts of run(), for who calls the function in another way.
  template <class R, class Classifier, bool = detail::kExceptions>
  static bool is_wanted(const R& result, const Classifier& classifier) {
    Outcome outcome = detail::judge(classifier, result);
    // A refusal is ignored by breakers where it is the caller's own; it wants an answer all the same.
    auto own = own_error(result);
    bool refused = own && own->kind == Error::Kind::kRefused;
    return outcome != Outcome::kSuccess && (outcome != Outcome::kIgnored || refused);
  }
  // What the function is to be told; the caller keeps it until the answer is there.
  template <class R>
  static auto told(const R& result) {
    using OwnType = typename ResultTraits<R>::ErrorType;
    const Error failed{Error::Kind::kFailed, {}, nullptr};
    if constexpr (std::invocable<F&, const OwnType&>) {
      bool is_value = ResultTraits<R>::good(result);
      return is_value ? detail::ErrorTraitsOf<R>::make(failed) : ResultTraits<R>::error(result);
    } else if constexpr (std::invocable<F&, const Error&>) {
      return own_error(result).value_or(failed);
    } else {
      return Nothing();
    }
  }
  template <class Told>
  auto answer(const Told& told) {
    if constexpr (std::same_as<Told, Nothing>) {
      return function_();
    } else {
      return function_(told);
    }
  }
  void count(bool good) { (good ? succeeded_ : failed_).fetch_add(1, std::memory_order_relaxed); }

 private:
  F function_;
  std::string name_;  // of its metrics
  std::atomic<uint64_t> succeeded_{0}, failed_{0};
};

}  // namespace ordeal::resilience
