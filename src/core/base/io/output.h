// What a program prints. Every argument that is text comes from outside or may hold what does: secrets in it are hidden
// (base/secrets.h), and it is shown as one line that cannot steer a terminal (base/printable.h); the format is ours.
// Nothing else in src/ writes to standard output or error, but report/live_terminal.cc (scripts/check-layers).
//
// Standard output is kept in memory until it is pushed: a reader that is slow or gone holds up nobody. A reader that
// has gone (`| head`) is no error: what is said to it is dropped. What cannot be written for another reason (a full
// disk) is one, and finish_output() says so, or take_output_failure() before. One thread.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ordeal {

// SIGPIPE and SIGXFSZ end nobody (their writes fail instead), and the descriptors 0 to 2 are open, so that no file of
// ours gets the number of a standard stream. First thing in main().
void guard_output();
// Also hidden in all that is printed: what base/secrets.h found in the files that a person gave.
void hide_in_output(std::vector<std::string> secrets);
const std::vector<std::string>& hidden_in_output();

// To standard output, as it is: a document that has been made for a format of its own.
void put_document(std::string_view text);
// One JSON document or line. Secrets in it are the caller's (json/hide.h).
void put_json(std::string_view json);
// To standard error, at once; what it does not take within 200 ms is dropped.
void put_error(std::string_view text);

// As much as the reader takes without waiting.
void push_output();
// What could not be written so far, once: for a caller who says it himself.
Result<> take_output_failure();
// All of it, waiting for the reader, and the last word: false when something could not be written, which standard error
// then says if nobody took it.
bool finish_output();

// Text as it is shown: secrets hidden, one line.
std::string shown_text(std::string_view text);

template <typename T>
concept Textual = std::convertible_to<const T&, std::string_view>;
template <typename T>
using Shown = std::conditional_t<Textual<T>, std::string, const T&>;

template <typename T>
Shown<T> shown(const T& value) {
  if constexpr (Textual<T>)
    return shown_text(value);
  else
    return value;
}

template <typename... Args>
void print(fmt::format_string<Shown<Args>...> format, const Args&... args) {
  put_document(fmt::format(format, shown(args)...));
}
template <typename... Args>
void print_to_error(fmt::format_string<Shown<Args>...> format, const Args&... args) {
  put_error(fmt::format(format, shown(args)...));
}

}  // namespace ordeal
