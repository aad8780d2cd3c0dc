// PromQL's tokens. Internal to src/prometheus/promql. Keywords are ordinary words here: the parser knows them by their
// place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace ordeal::promql {

enum class TokenKind { kEnd, kNumber, kDuration, kString, kWord, kSymbol };

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;  // as written
  size_t at = 0;
  double number = 0;   // kNumber; kDuration: in seconds
  std::string string;  // kString: unescaped; kWord: in lower case
};

// The whole query, with kEnd last.
Result<std::vector<Token>> tokenize(std::string_view query);

// "column 4: ..."; "line 2, column 4: ..." when the query has several lines.
Unexpected fail_at(std::string_view query, size_t at, const std::string& what, Errc code = Errc::kInvalidInput);

}  // namespace ordeal::promql
