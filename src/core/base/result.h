// Result<T>: the return type of every function that can fail, and Error: what a failure says.
// An Error is a chain: each level adds what it tried ("cannot read policy p.yaml"), the cause stays below it.
// Libraries return errors and never log them; a program prints the chain once, with `hint` as what to do next.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace ordeal {

enum class Errc {
  kInvalidInput,  // a person's file, flag or argument is wrong: exit 2
  kRefused,       // a safety rule says no: exit 3
  kNotInjected,   // the fault cannot be made here, or had no effect: exit 4
  kNotFound,
  kTimeout,
  kUnsupported,   // this kernel, capability set or build cannot do it
  kRevertFailed,  // exit 6
  kSystem,        // a system call failed; errno in sys_errno
  kInternal,      // a bug of ours: exit 7
};

struct Error {
  Errc code = Errc::kInternal;
  std::string what;  // one sentence part, no full stop, no cause
  int sys_errno = 0;
  std::string hint;  // what the reader can do next; may be empty
  std::shared_ptr<const Error> cause;

  // "what: cause: cause's cause"
  std::string message() const;
  // The nearest hint in the chain, or "".
  std::string advice() const;
};

template <typename T = void>
using Result = tl::expected<T, Error>;

using Unexpected = tl::unexpected<Error>;

[[nodiscard]] Unexpected fail(Errc code, std::string what, std::string hint = {});
// "what: Permission denied", from errno unless given.
[[nodiscard]] Unexpected fail_errno(std::string what, int number = -1);
// Adds a level: the result keeps `cause`'s code and errno.
[[nodiscard]] Unexpected wrap(Error cause, std::string what);

}  // namespace ordeal

// Evaluates to the value of a Result, or returns its error from the enclosing function. Not inside { } after another
// member, nor in captures: g++ 12 and clang 14 leak what is made already; scripts/check-layers refuses it.
#define TRY(expression) ORDEAL_TRY_NAMED(ORDEAL_TRY_NAME(__COUNTER__), expression)
// The same for Result<void>.
#define TRY_VOID(expression)                                                                     \
  do {                                                                                           \
    auto&& try_void_ = (expression);                                                             \
    if (!try_void_) return tl::unexpected(std::forward<decltype(try_void_)>(try_void_).error()); \
  } while (false)

// A name of its own for each use, so that one TRY can stand inside another.
#define ORDEAL_TRY_JOIN(a, b) a##b
#define ORDEAL_TRY_NAME(number) ORDEAL_TRY_JOIN(try_result_, number)
#define ORDEAL_TRY_NAMED(name, expression)                                        \
  __extension__({                                                                 \
    auto&& name = (expression);                                                   \
    if (!name) return tl::unexpected(std::forward<decltype(name)>(name).error()); \
    *std::forward<decltype(name)>(name);                                          \
  })
