// Classifiers to compose: which results are failures, and which say nothing about the callee.
//
//   auto judge = classify(fail_if([](const Response& response) { return response.status >= 500; }),
//                         ignore_if([](const std::error_code& code) { return code == kBadRequest; }),
//                         ignore<BadRequest>());   // thrown, or a subclass, or nested in what was thrown
//   Pipeline pipeline{retry.judged_by(judge), breaker.judged_by(judge)};
//
// A predicate is asked about what it takes: the whole result, a value, an error, an Error of the policies, or a
// std::exception_ptr; so state the type, not auto. What no rule names is judged as by DefaultClassifier. A rule that
// ignores beats one that fails, and that beats one that accepts. A predicate that throws makes the result a failure.
//
// An exception that passes through a policy (see Pipeline::call) is not asked about.
#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "ordeal/resilience/result.h"

namespace ordeal::resilience {

#ifdef __cpp_exceptions
// Whether it is a T, or one is nested in it (std::throw_with_nested). Some microseconds each: it is thrown again.
template <class T>
bool caused_by(std::exception_ptr exception) {
  while (exception) {
    try {
      std::rethrow_exception(exception);
    } catch (const T&) {
      return true;
    } catch (const std::nested_exception& nested) {
      exception = nested.nested_ptr();
    } catch (...) {
      return false;
    }
  }
  return false;
}
#endif

namespace detail {

template <class Predicate, class... What>
concept Asks = std::is_invocable_r_v<bool, const Predicate&, What...>;

template <ResultLike R>
std::exception_ptr exception_of(const R& result) {
  if (ResultTraits<R>::good(result)) return nullptr;
  if constexpr (std::same_as<typename ResultTraits<R>::ErrorType, std::exception_ptr>) {
    return ResultTraits<R>::error(result);
  } else {
    auto own = own_error(result);
    return own ? own->exception : nullptr;
  }
}

template <class Predicate, ResultLike R>
constexpr bool asks_value() {
  if constexpr (requires(const R& result) { *result; }) {
    return Asks<Predicate, decltype(*std::declval<const R&>())>;
  } else {
    return false;
  }
}

template <ResultLike R, class Predicate>
bool holds_for_error(const Predicate& predicate, const R& result) {
  using ErrorType = typename ResultTraits<R>::ErrorType;
  if constexpr (Asks<Predicate, const ErrorType&>) {
    return predicate(ResultTraits<R>::error(result));
  } else if constexpr (Asks<Predicate, const Error&>) {
    auto own = own_error(result);
    return own && predicate(*own);
  } else if constexpr (Asks<Predicate, const std::exception_ptr&>) {
    auto exception = exception_of(result);
    return exception && predicate(exception);
  } else {
    static_assert(asks_value<Predicate, R>(), "the predicate takes nothing that this result may hold");
    return false;
  }
}

template <ResultLike R, class Predicate>
bool holds(const Predicate& predicate, const R& result) {
  if constexpr (Asks<Predicate, const R&>) {
    return predicate(result);
  } else {
    if (!ResultTraits<R>::good(result)) return holds_for_error(predicate, result);
    if constexpr (asks_value<Predicate, R>()) return predicate(*result);
    return false;
  }
}

template <Outcome kVerdict, class Predicate>
struct Rule {
  static constexpr Outcome kOutcome = kVerdict;
  Predicate predicate;
};

#ifdef __cpp_exceptions
template <class... T>
struct CausedByAny {
  bool operator()(const std::exception_ptr& exception) const { return (caused_by<T>(exception) || ...); }
};
#endif

}  // namespace detail

template <class Predicate>
detail::Rule<Outcome::kFailure, Predicate> fail_if(Predicate predicate) {
  return {std::move(predicate)};
}
template <class Predicate>
detail::Rule<Outcome::kIgnored, Predicate> ignore_if(Predicate predicate) {
  return {std::move(predicate)};
}
// Counts as a success, and so ends a row of failures and closes a half-open breaker; ignoring does neither.
template <class Predicate>
detail::Rule<Outcome::kSuccess, Predicate> accept_if(Predicate predicate) {
  return {std::move(predicate)};
}

#ifdef __cpp_exceptions
// By the type of the exception. An exception is a failure anyway, unless other_errors() says otherwise.
template <class... T>
auto fail_on() {
  return fail_if(detail::CausedByAny<T...>());
}
template <class... T>
auto ignore() {
  return ignore_if(detail::CausedByAny<T...>());
}
template <class... T>
auto accept() {
  return accept_if(detail::CausedByAny<T...>());
}
#endif

template <class... Rules>
class Classifier {
 public:
  explicit Classifier(Rules... rules) : rules_(std::move(rules)...) {}

  // A rule that fails beats one that ignores.
  Classifier failing_first() const {
    Classifier changed = *this;
    changed.failing_first_ = true;
    return changed;
  }
  // What an error of the callee or an exception is that no rule names: with kSuccess only what fails by a rule fails.
  Classifier other_errors(Outcome outcome) const {
    Classifier changed = *this;
    changed.other_errors_ = outcome;
    return changed;
  }

  template <ResultLike R, bool = detail::kExceptions>
  Outcome operator()(const R& result) const {
    return detail::judge([this](const R& judged) { return verdict(judged); }, result);
  }

 private:
  template <ResultLike R>
  Outcome verdict(const R& result) const {
    bool ignored = says<Outcome::kIgnored>(result);
    bool failed = (!ignored || failing_first_) && says<Outcome::kFailure>(result);
    if (ignored && !failed) return Outcome::kIgnored;
    Outcome plain = DefaultClassifier()(result);
    if (failed) return plain == Outcome::kTimeout ? plain : Outcome::kFailure;
    if (says<Outcome::kSuccess>(result)) return Outcome::kSuccess;
    return other_errors_ && is_callees(result) ? *other_errors_ : plain;
  }
  template <Outcome kOutcome, ResultLike R>
  bool says(const R& result) const {
    auto rule_says = [&](const auto& rule) {
      if constexpr (std::remove_cvref_t<decltype(rule)>::kOutcome == kOutcome) {
        return detail::holds(rule.predicate, result);
      } else {
        return false;
      }
    };
    return std::apply([&](const auto&... rules) { return (rule_says(rules) || ...); }, rules_);
  }
  template <ResultLike R>
  static bool is_callees(const R& result) {
    if (ResultTraits<R>::good(result)) return false;
    auto own = own_error(result);
    return !own || own->kind == Error::Kind::kException;
  }

  std::tuple<Rules...> rules_;
  bool failing_first_ = false;
  std::optional<Outcome> other_errors_;
};

template <class... Rules>
Classifier<Rules...> classify(Rules... rules) {
  return Classifier<Rules...>(std::move(rules)...);
}

}  // namespace ordeal::resilience
