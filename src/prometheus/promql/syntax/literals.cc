#include "prometheus/promql/syntax/literals.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/base/text/text.h"

namespace ordeal::promql {
namespace {

struct Unit {
  std::string_view name;
  int64_t ms;
};
constexpr int64_t kDay = 24 * 3600 * 1000;
constexpr Unit kUnits[] = {{"y", 365 * kDay}, {"w", 7 * kDay}, {"d", kDay}, {"h", 3600'000},
                           {"m", 60'000},     {"s", 1000},     {"ms", 1}};
constexpr int64_t kLongest = std::numeric_limits<int64_t>::max() / 1'000'000;

bool is_decimal(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_decimal(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::optional<double> parse_base(std::string_view digits, int base) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<double>(value);
}

// Underscores stand between digits only.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_hex(text[i - 1]) || !is_hex(text[i + 1])) {
      return std::nullopt;
    }
  }
  return out;
}

void append_utf8(uint32_t point, std::string& out) {
  auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xc0 | point >> 6);
  } else {
    if (point < 0x10000) {
      add(0xe0 | point >> 12);
    } else {
      add(0xf0 | point >> 18);
      add(0x80 | (point >> 12 & 0x3f));
    }
    add(0x80 | (point >> 6 & 0x3f));
  }
  add(0x80 | (point & 0x3f));
}

constexpr std::string_view kEscapes = "abfnrtv\\'\"";
constexpr std::string_view kEscaped = "\a\b\f\n\r\t\v\\'\"";

// Of \x, \u, \U: how many hexadecimal digits follow.
size_t hex_length(char kind) { return kind == 'x' ? 2 : kind == 'u' ? 4 : kind == 'U' ? 8 : 0; }

// Takes one escape, whose backslash is gone, from the left of `text`.
Result<> append_escape(std::string_view& text, char quote, std::string& out) {
  char kind = text.empty() ? '\0' : text.front();
  size_t known = kEscapes.find(kind);
  bool other_quote = (kind == '\'' || kind == '"') && kind != quote;
  size_t digits = hex_length(kind);
  if (known != std::string_view::npos && !other_quote) {
    out += kEscaped[known];
    text.remove_prefix(1);
    return {};
  }
  bool octal = kind >= '0' && kind <= '7';
  std::string_view code = octal ? text.substr(0, 3) : text.substr(std::min<size_t>(1, text.size()), digits);
  uint32_t value = 0;
  auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), value, octal ? 8 : 16);
  bool whole = error == std::errc() && end == code.data() + code.size() && code.size() == (octal ? 3 : digits);
  bool surrogate = digits > 2 && value >= 0xd800 && value < 0xe000;
  if (!whole || surrogate || value > (octal || digits == 2 ? 255u : 0x10ffffu)) {
    return fail(Errc::kInvalidInput,
                fmt::format("\"\\{}\" is not an escape sequence", kind ? std::string(1, kind) : ""));
  }
  if (octal || digits == 2) {
    out += static_cast<char>(value);
  } else {
    append_utf8(value, out);
  }
  text.remove_prefix(code.size() + (octal ? 0 : 1));
  return {};
}

}  // namespace

std::optional<double> parse_promql_number(std::string_view text) {
  std::string lower = lower_case(text);
  if (lower == "inf") return std::numeric_limits<double>::infinity();
  if (lower == "nan") return std::numeric_limits<double>::quiet_NaN();
  auto digits = without_underscores(lower);
  if (!digits || digits->empty() || (!is_decimal(digits->front()) && digits->front() != '.')) return std::nullopt;
  if (digits->starts_with("0x")) return parse_base(std::string_view(*digits).substr(2), 16);
  bool octal =
      digits->size() > 1 && digits->front() == '0' && digits->find_first_not_of("01234567") == std::string::npos;
  return octal ? parse_base(*digits, 8) : parse_number<double>(*digits);
}

std::optional<double> parse_bound(std::string_view text) {
  bool plus = text.starts_with('+') && !text.starts_with("+-");
  return parse_number<double>(plus ? text.substr(1) : text);
}

std::optional<int64_t> parse_promql_duration(std::string_view text) {
  if (text == "0") return 0;
  int64_t total = 0;
  const Unit* next = std::begin(kUnits);
  while (!text.empty()) {
    uint64_t count = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<size_t>(end - text.data()));
    std::string_view name = text.substr(0, std::min(text.find_first_of("0123456789"), text.size()));
    next = std::find_if(next, std::end(kUnits), [&](const Unit& unit) { return unit.name == name; });
    if (next == std::end(kUnits) || count > static_cast<uint64_t>((kLongest - total) / next->ms)) return std::nullopt;
    total += static_cast<int64_t>(count) * next->ms;
    text.remove_prefix(name.size());
    ++next;
  }
  return total;
}

std::string promql_duration_text(int64_t ms) {
  if (ms == 0) return "0s";
  std::string text = ms < 0 ? "-" : "";
  ms = std::abs(ms);
  for (const Unit& unit : kUnits) {
    if (ms >= unit.ms) text += fmt::format("{}{}", ms / unit.ms, unit.name);
    ms %= unit.ms;
  }
  return text;
}

std::optional<int64_t> duration_of_seconds(double seconds) {
  if (!(std::abs(seconds) * 1000 < static_cast<double>(kLongest))) return std::nullopt;
  return std::llround(seconds * 1000);
}

Result<std::string> unquote(std::string_view quoted) {
  char quote = quoted.front();
  std::string_view text = quoted.substr(1, quoted.size() - 2);
  if (quote == '`') return std::string(text);
  std::string out;
  while (!text.empty()) {
    char c = text.front();
    text.remove_prefix(1);
    if (c == '\\') {
      TRY_VOID(append_escape(text, quote, out));
    } else {
      out += c;
    }
  }
  return out;
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool is_plain_name(std::string_view name, bool colon_allowed) {
  auto legal = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_decimal(c) || c == '_' || (colon_allowed && c == ':');
  };
  return !name.empty() && !is_decimal(name[0]) && std::all_of(name.begin(), name.end(), legal);
}

}  // namespace ordeal::promql
