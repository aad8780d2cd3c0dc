#include "prometheus/promql/syntax/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "prometheus/promql/syntax/literals.h"

namespace ordeal::promql {
namespace {

constexpr std::string_view kPairs[] = {"==", "!=", ">=", "<=", "=~", "!~"};
constexpr std::string_view kSingles = "(){}[],+-*/%^=<>@";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Lexer {
 public:
  explicit Lexer(std::string_view query) : query_(query) {}

  Result<std::vector<Token>> run() {
    for (skip_space(); at_ < query_.size(); skip_space()) TRY_VOID(next());
    push(TokenKind::kEnd, 0);
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < query_.size() ? query_[at_ + ahead] : '\0'; }

  void skip_space() {
    while (at_ < query_.size()) {
      if (peek() == '#') {
        at_ = std::min(query_.find('\n', at_), query_.size());
      } else if (std::string_view(" \t\r\n").find(peek()) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  Token& push(TokenKind kind, size_t length) {
    tokens_.push_back({kind, query_.substr(at_, length), at_, 0, {}});
    at_ += length;
    return tokens_.back();
  }

  Result<> next() {
    char c = peek();
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (is_word(c) || (c == ':' && brackets_ == 0)) return word();
    if (c == '"' || c == '\'' || c == '`') return string();
    return symbol();
  }

  Result<> number() {
    size_t length = 0;
    while (is_word(peek(length)) || peek(length) == '.') {
      bool exponent = peek(length) == 'e' || peek(length) == 'E';
      bool hex = query_.substr(at_, 2) == "0x" || query_.substr(at_, 2) == "0X";
      bool sign = peek(length + 1) == '+' || peek(length + 1) == '-';
      length += exponent && sign && !hex ? 2 : 1;
    }
    std::string_view text = query_.substr(at_, length);
    if (auto value = parse_promql_number(text)) {
      push(TokenKind::kNumber, length).number = *value;
    } else if (auto ms = parse_promql_duration(text)) {
      push(TokenKind::kDuration, length).number = static_cast<double>(*ms) / 1000;
    } else {
      return fail_at(query_, at_, fmt::format("\"{}\" is neither a number nor a duration such as 1h30m", text));
    }
    return {};
  }

  Result<> word() {
    size_t length = 1;
    while (is_word(peek(length)) || (peek(length) == ':' && brackets_ == 0)) ++length;
    Token& token = push(TokenKind::kWord, length);
    token.string = lower_case(token.text);
    return {};
  }

  Result<> string() {
    char quote = peek();
    size_t length = 1;
    for (; at_ + length < query_.size() && peek(length) != quote; ++length) {
      if (quote != '`' && peek(length) == '\n') break;
      if (quote != '`' && peek(length) == '\\') ++length;
    }
    if (peek(length) != quote || at_ + length >= query_.size()) {
      return fail_at(query_, at_, "a quoted string does not end");
    }
    auto text = unquote(query_.substr(at_, length + 1));
    if (!text) return fail_at(query_, at_, text.error().what);
    push(TokenKind::kString, length + 1).string = std::move(*text);
    return {};
  }

  Result<> symbol() {
    char c = peek();
    std::string_view pair = query_.substr(at_, 2);
    if (pair == "</" || pair == ">/") {
      return fail_at(query_, at_, fmt::format("the histogram trim operator {} is not supported", pair),
                     Errc::kUnsupported);
    }
    if (std::find(std::begin(kPairs), std::end(kPairs), pair) != std::end(kPairs)) {
      push(TokenKind::kSymbol, 2);
      return {};
    }
    bool colon = c == ':' && brackets_ > 0;
    if (!colon && (c == '\0' || kSingles.find(c) == std::string_view::npos)) {
      return fail_at(query_, at_, fmt::format("unexpected character {}", printable(c)));
    }
    brackets_ += c == '[' ? 1 : 0;
    brackets_ -= c == ']' && brackets_ > 0 ? 1 : 0;
    push(TokenKind::kSymbol, 1);
    return {};
  }

  static std::string printable(char c) {
    auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f ? fmt::format("'{}'", c) : fmt::format("\\x{:02x}", byte);
  }

  std::string_view query_;
  size_t at_ = 0;
  int brackets_ = 0;
  std::vector<Token> tokens_;
};

}  // namespace

Result<std::vector<Token>> tokenize(std::string_view query) { return Lexer(query).run(); }

Unexpected fail_at(std::string_view query, size_t at, const std::string& what, Errc code) {
  std::string_view before = query.substr(0, at);
  size_t break_at = before.rfind('\n');
  size_t column = break_at == std::string_view::npos ? at + 1 : at - break_at;
  if (query.find('\n') == std::string_view::npos) return fail(code, fmt::format("column {}: {}", column, what));
  auto line = std::count(before.begin(), before.end(), '\n') + 1;
  return fail(code, fmt::format("line {}, column {}: {}", line, column, what));
}

}  // namespace ordeal::promql
