// Text helpers on string_view: split, trim, numbers. No locale.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ordeal {

std::vector<std::string_view> split(std::string_view text, char separator);
// Lines or words without the empty ones.
std::vector<std::string_view> split_words(std::string_view text, std::string_view separators = " \t\n");
std::string_view trim(std::string_view text);
bool valid_utf8(std::string_view text);
// Names from outside (of processes, cgroups, users, hosts) as valid UTF-8: each byte that is none becomes U+FFFD and
// its two hex digits, so that different names stay different. Valid text is left as it is.
std::string valid_text(std::string_view bytes);
// For showing a URL: "http://me:***@host/?token=***" (base/secrets.h).
std::string without_password(std::string_view url);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

// The whole text must be the number.
template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace ordeal
