// Values instead of exceptions. A function that returns a plain T is called to a Result<T>: the T, or an Error that
// says who refused, that the time limit passed, or what was thrown. A function that returns an expected-like type keeps
// it: a refusal becomes its error by ErrorTraits.
#pragma once

#include <concepts>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include "ordeal/resilience/outcome.h"

namespace ordeal::resilience {

struct Nothing {};  // the value of a function that returns void

// A T or an Error. As std::expected, of which C++20 has none. operator* and -> without a value are undefined.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  using error_type = Error;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Error& error() const { return *std::get_if<1>(&state_); }
  T value_or(T other) && { return has_value() ? std::move(**this) : std::move(other); }

 private:
  std::variant<T, Error> state_;
};

// How an error type E of your own expected-like results tells what the policies need. Specialise it:
//   static E make(const Error&);                 an E for a refusal, a passed time limit, a cancellation
//   static std::optional<Error> read(const E&);  what was made so; nullopt is an error of the callee
// and, where they exist:
//   static Outcome outcome(const E&);                      of an error of the callee; kFailure without it
//   static std::optional<Duration> retry_after(const E&);  what the callee asks for
template <class E>
struct ErrorTraits;

template <>
struct ErrorTraits<Error> {
  static Error make(const Error& error) { return error; }
  static std::optional<Error> read(const Error& error) { return error; }
};

// For results whose errors are std::error_code. operation_canceled is a cancellation, timed_out a time limit. kFull is
// the refusal of a bulkhead or a pool, kRefused that of a breaker, kFailed what has no code: an exception, a value
// judged a failure.
enum class Code { kRefused = 1, kTimeLimit, kCancelled, kFull, kFailed };
const std::error_category& category();
template <>
struct ErrorTraits<std::error_code> {
  static std::error_code make(const Error& error);
  static std::optional<Error> read(const std::error_code& code);
};

template <class R>
concept ExpectedLike = requires(const R& result) {
  typename R::value_type;
  typename R::error_type;
  { result.has_value() } -> std::convertible_to<bool>;
  { result.error() } -> std::convertible_to<const typename R::error_type&>;
};

// How a result type that is not expected-like by its members (absl::StatusOr, boost::outcome) is read; specialise it
// with the same four, and `kIsResult = true`.
template <class R>
struct ResultTraits {
  static constexpr bool kIsResult = false;
};

template <ExpectedLike R>
struct ResultTraits<R> {
  static constexpr bool kIsResult = true;
  using ErrorType = typename R::error_type;
  static bool good(const R& result) { return result.has_value(); }
  static const ErrorType& error(const R& result) { return result.error(); }
  static R make(const Error& error) {
    if constexpr (requires { typename R::unexpected_type; }) {
      return R(typename R::unexpected_type(ErrorTraits<ErrorType>::make(error)));
    } else {
      return R(ErrorTraits<ErrorType>::make(error));
    }
  }
};

template <class R>
concept ResultLike = ResultTraits<R>::kIsResult;

namespace detail {

// The last parameter of each template whose code depends on it (and by its lambdas of what it calls), so that units
// compiled with and without exceptions keep their own when they are linked into one program.
#ifdef __cpp_exceptions
constexpr bool kExceptions = true;
#else
constexpr bool kExceptions = false;
#endif

template <class T>
struct ResultOf {
  using type = Result<T>;
};
template <>
struct ResultOf<void> {
  using type = Result<Nothing>;
};
template <ResultLike R>
struct ResultOf<R> {
  using type = R;
};

template <ResultLike R>
using ErrorTraitsOf = ErrorTraits<typename ResultTraits<R>::ErrorType>;

inline Outcome outcome_of(const Error& error) {
  switch (error.kind) {
    case Error::Kind::kTimeLimit:
      return Outcome::kTimeout;
    case Error::Kind::kCancelled:
      return Outcome::kIgnored;
    case Error::Kind::kException:
    case Error::Kind::kFailed:
      return Outcome::kFailure;
    case Error::Kind::kRefused:
      break;
  }
  // A full bulkhead or pool is the caller's; an inner breaker that is open speaks of the callee.
  return is_callers_own(error.refusal) ? Outcome::kIgnored : Outcome::kFailure;
}

// A classifier that throws says failure, and the result it was asked about still reaches the caller.
template <class Classifier, ResultLike R, bool = kExceptions>
Outcome judge(const Classifier& classifier, const R& result) {
#ifdef __cpp_exceptions
  try {
    return classifier(result);
  } catch (...) {
    return Outcome::kFailure;
  }
#else
  return classifier(result);
#endif
}

}  // namespace detail

// What a call of F comes to: its result type, or Result of its plain type.
template <class T>
using ResultFor = typename detail::ResultOf<T>::type;

// What the policies' own errors and the error type's traits say; the classifier of every policy unless given another.
struct DefaultClassifier {
  template <ResultLike R>
  Outcome operator()(const R& result) const {
    if (ResultTraits<R>::good(result)) return Outcome::kSuccess;
    using Traits = detail::ErrorTraitsOf<R>;
    const auto& error = ResultTraits<R>::error(result);
    if (auto own = Traits::read(error)) return detail::outcome_of(*own);
    if constexpr (requires { Traits::outcome(error); }) {
      return Traits::outcome(error);
    } else {
      return Outcome::kFailure;
    }
  }
};

// The policies' own error in a result, if that is what it holds.
template <ResultLike R>
std::optional<Error> own_error(const R& result) {
  if (ResultTraits<R>::good(result)) return std::nullopt;
  return detail::ErrorTraitsOf<R>::read(ResultTraits<R>::error(result));
}

template <ResultLike R>
R refuse(const Refusal& refusal) {
  return ResultTraits<R>::make(Error{Error::Kind::kRefused, refusal, nullptr});
}

}  // namespace ordeal::resilience
