#include "core/expr/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
constexpr std::string_view kWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kSymbols = "+-*/%^<>!()[]{},?:#";

size_t span_of(std::string_view text, std::string_view set) {
  return std::min(text.find_first_not_of(set), text.size());
}

// Digits, a fraction, an exponent; its value is read by the parser. In 1..3 the dots are the range's.
size_t number_length(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) return 2 + span_of(text.substr(2), "0123456789abcdefABCDEF_");
  size_t length = std::min(span_of(text, "0123456789._"), text.find(".."));
  if (length < text.size() && (text[length] == 'e' || text[length] == 'E')) {
    size_t sign = length + 1 < text.size() && (text[length + 1] == '-' || text[length + 1] == '+') ? 2 : 1;
    size_t digits = span_of(text.substr(length + sign), kDigits);
    if (digits > 0) length += sign + digits;
  }
  return length;
}

struct Escape {
  char letter, means;
};
constexpr Escape kEscapes[] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'\\', '\\'}, {'"', '"'}, {'\'', '\''}};

const Escape* escape_of(char letter) {
  auto found = std::find_if(std::begin(kEscapes), std::end(kEscapes), [&](auto& e) { return e.letter == letter; });
  return found == std::end(kEscapes) ? nullptr : found;
}

}  // namespace

Result<> Lexer::skip_space() {
  for (;;) {
    at_ += span_of(text_.substr(at_), " \t\r\n");
    std::string_view rest = text_.substr(at_);
    if (rest.starts_with("//")) {
      at_ += std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      size_t end = rest.find("*/", 2);
      if (end == std::string_view::npos) return fail_at(at_ + 1, "the comment has no end");
      at_ += end + 2;
    } else {
      return {};
    }
  }
}

Result<Token> Lexer::quoted(Token token, std::string_view rest) {
  char quote = rest[0];
  size_t i = 1;
  for (; i < rest.size() && rest[i] != quote; ++i) {
    if (rest[i] != '\\' || quote == '`') {
      token.value += rest[i];
      continue;
    }
    const Escape* escape = i + 1 < rest.size() ? escape_of(rest[i + 1]) : nullptr;
    if (!escape) return fail_at(at_ + i + 1, "unknown escape: known are \\n \\t \\r \\\\ \\\" \\'");
    token.value += escape->means;
    ++i;
  }
  if (i >= rest.size()) return fail_at(token.column, "the text has no closing quote");
  token.kind = TokenType::kText;
  token.text = rest.substr(0, i + 1);
  at_ += i + 1;
  return token;
}

Result<Token> Lexer::next() {
  TRY_VOID(skip_space());
  std::string_view rest = text_.substr(at_);
  Token token{TokenType::kEnd, {}, at_ + 1, {}};
  if (rest.empty()) return token;
  if (std::string_view("\"'`").find(rest[0]) != std::string_view::npos) return quoted(std::move(token), rest);
  bool fraction = rest[0] == '.' && rest.size() > 1 && kDigits.find(rest[1]) != std::string_view::npos;
  size_t length = 1;
  if (kLetters.find(rest[0]) != std::string_view::npos) {
    token.kind = TokenType::kName;
    length = span_of(rest, kWord);
  } else if (kDigits.find(rest[0]) != std::string_view::npos || fraction) {
    token.kind = TokenType::kNumber;
    length = number_length(rest);
  } else {
    token.kind = TokenType::kSymbol;
    length = rest.size() > 1 && operator_of(rest.substr(0, 2)) ? 2 : 1;
    if (length == 1 && kSymbols.find(rest[0]) == std::string_view::npos) {
      std::string_view hint = rest[0] == '=' ? " (equality is ==)" : "";
      return fail_at(at_ + 1, fmt::format("unexpected '{}'{}", rest[0], hint));
    }
  }
  token.text = rest.substr(0, length);
  at_ += length;
  return token;
}

}  // namespace ordeal::expr
