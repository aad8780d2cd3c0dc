#include "core/base/result.h"

#include <cerrno>
#include <cstring>

namespace ordeal {

namespace {

std::string words_of(int number) {
  const char* words = strerrordesc_np(number);  // null for a number that has none
  return words ? words : "error " + std::to_string(number);
}

}  // namespace

std::string Error::message() const {
  std::string text = what;
  if (sys_errno != 0 && !cause) text += ": " + words_of(sys_errno);
  if (cause) text += ": " + cause->message();
  return text;
}

std::string Error::advice() const {
  if (!hint.empty() || !cause) return hint;
  return cause->advice();
}

Unexpected fail(Errc code, std::string what, std::string hint) {
  return Unexpected(Error{code, std::move(what), 0, std::move(hint), nullptr});
}

Unexpected fail_errno(std::string what, int number) {
  return Unexpected(Error{Errc::kSystem, std::move(what), number < 0 ? errno : number, {}, nullptr});
}

Unexpected wrap(Error cause, std::string what) {
  Error outer{cause.code, std::move(what), cause.sys_errno, {}, nullptr};
  outer.cause = std::make_shared<const Error>(std::move(cause));
  return Unexpected(std::move(outer));
}

}  // namespace ordeal
