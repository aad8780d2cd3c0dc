#include "prometheus/metrics/line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/base/text/text.h"

namespace ordeal::metrics {
namespace {

constexpr double kMostMillis = 9007199254740992.0;  // 2^53, the year 287 396

bool is_blank(char c) { return c == ' ' || c == '\t'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

Unexpected bad(std::string what) { return fail(Errc::kInvalidInput, std::move(what)); }

std::string found(const LineCursor& cursor) {
  return cursor.empty() ? "the end of the line" : fmt::format("'{}'", cursor.peek());
}

// One pair of braces: labels, and the metric's name where it stands quoted inside.
Result<> take_label(LineCursor& cursor, LabelPairs& labels) {
  bool quoted = cursor.peek() == '"';
  std::string name = TRY(cursor.take_name(false));
  cursor.skip_blanks();
  if (quoted && cursor.peek() != '=') {
    labels.emplace_back("__name__", std::move(name));
    return {};
  }
  if (!cursor.take('=')) return bad(fmt::format("expected '=' after label {}, found {}", name, found(cursor)));
  if (name == "__name__") return bad("a label may not be called __name__");
  cursor.skip_blanks();
  labels.emplace_back(std::move(name), TRY(cursor.take_quoted()));
  return {};
}

Result<> take_labels(LineCursor& cursor, LabelPairs& labels) {
  if (!cursor.take('{')) return {};
  cursor.skip_blanks();
  while (!cursor.take('}')) {
    TRY_VOID(take_label(cursor, labels));
    cursor.skip_blanks();
    bool more = cursor.take(',');
    cursor.skip_blanks();
    if (!more && cursor.peek() != '}') return bad("expected ',' or '}' after a label, found " + found(cursor));
  }
  return {};
}

Result<> settle(LabelPairs& labels) {
  std::sort(labels.begin(), labels.end());
  auto twice =
      std::adjacent_find(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
  if (twice != labels.end()) return bad(fmt::format("label {} is given twice", twice->first));
  auto named = [](const auto& pair) { return pair.first == "__name__" && !pair.second.empty(); };
  if (std::none_of(labels.begin(), labels.end(), named)) return bad("the sample has no metric name");
  std::erase_if(labels, [](const auto& pair) { return pair.second.empty(); });
  return {};
}

Result<int64_t> parse_timestamp(std::string_view text, Format format) {
  double millis = 0;
  if (format == Format::kText) {
    auto whole = parse_number<int64_t>(text);
    if (!whole) return bad(fmt::format("expected a timestamp in milliseconds, found \"{}\"", text));
    millis = static_cast<double>(*whole);
  } else {
    auto seconds = parse_value(text);
    if (!seconds) return bad(fmt::format("expected a timestamp in seconds, found \"{}\"", text));
    millis = *seconds * 1000;
  }
  if (!(std::abs(millis) <= kMostMillis)) return bad(fmt::format("timestamp {} is out of range", text));
  return std::llround(millis);
}

void append_unescaped(char escape, std::string& out) {
  if (escape == 'n') {
    out += '\n';
    return;
  }
  if (escape != '\\' && escape != '"') out += '\\';
  out += escape;
}

}  // namespace

bool LineCursor::take(char c) {
  if (peek() != c || rest_.empty()) return false;
  rest_.remove_prefix(1);
  return true;
}

void LineCursor::skip_blanks() {
  while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
}

std::string_view LineCursor::take_word() {
  size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
  std::string_view word = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return word;
}

Result<std::string> LineCursor::take_name(bool colon_allowed) {
  if (peek() == '"') return take_quoted();
  auto legal = [&](char c) { return is_letter(c) || is_digit(c) || (colon_allowed && c == ':'); };
  size_t length = static_cast<size_t>(std::find_if_not(rest_.begin(), rest_.end(), legal) - rest_.begin());
  if (length == 0 || is_digit(rest_.front())) return bad("expected a name, found " + found(*this));
  std::string name(rest_.substr(0, length));
  rest_.remove_prefix(length);
  return name;
}

Result<std::string> LineCursor::take_quoted() {
  if (!take('"')) return bad("expected a quoted value, found " + found(*this));
  std::string text;
  for (size_t i = 0; i < rest_.size(); ++i) {
    if (rest_[i] == '"') {
      rest_.remove_prefix(i + 1);
      if (!valid_utf8(text)) return bad("a quoted value is not valid UTF-8");
      return text;
    }
    if (rest_[i] == '\\' && i + 1 < rest_.size()) {
      append_unescaped(rest_[++i], text);
    } else {
      text += rest_[i];
    }
  }
  return bad("a quoted value does not end");
}

Result<Sample> parse_sample_line(std::string_view line, Format format) {
  LineCursor cursor(line);
  cursor.skip_blanks();
  Sample sample;
  if (cursor.peek() != '{') sample.labels.emplace_back("__name__", TRY(cursor.take_name(true)));
  cursor.skip_blanks();
  TRY_VOID(take_labels(cursor, sample.labels));
  TRY_VOID(settle(sample.labels));
  cursor.skip_blanks();
  sample.value = TRY(parse_value(cursor.take_word()));
  cursor.skip_blanks();
  // A '#' starts an exemplar: of OpenMetrics, and some write it in the text format too.
  if (cursor.empty() || cursor.peek() == '#') return sample;
  sample.timestamp_ms = TRY(parse_timestamp(cursor.take_word(), format));
  cursor.skip_blanks();
  if (!cursor.empty() && cursor.peek() != '#')
    return bad(fmt::format("unexpected \"{}\" after the timestamp", cursor.rest()));
  return sample;
}

Result<double> parse_value(std::string_view text) {
  std::string_view digits = text;
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  bool twice_signed = digits.size() < text.size() && !digits.empty() && digits.front() == '-';
  auto value = parse_number<double>(digits);
  if (!value || twice_signed || text.find('(') != std::string_view::npos) {
    return bad(fmt::format("expected a number, found \"{}\"", text));
  }
  return *value;
}

std::string bound_text(double bound) {
  if (!std::isfinite(bound)) return number_text(bound);
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, bound, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  int exponent = std::atoi(text.c_str() + text.find('e') + 1);
  if (bound != 0 && (exponent < -4 || exponent >= 6)) return text;
  end = std::to_chars(buffer, buffer + sizeof buffer, bound, std::chars_format::fixed).ptr;
  text.assign(buffer, end);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

}  // namespace ordeal::metrics
