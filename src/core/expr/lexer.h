// The tokens of a condition. Internal to src/expr.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::expr {

enum class TokenType { kEnd, kNumber, kName, kText, kSymbol };

struct Token {
  TokenType kind = TokenType::kEnd;
  std::string_view text;  // as it is written
  size_t column = 1;
  std::string value;  // of a text, without quotes and escapes
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Result<Token> next();

 private:
  Result<> skip_space();
  Result<Token> quoted(Token token, std::string_view rest);

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace ordeal::expr
