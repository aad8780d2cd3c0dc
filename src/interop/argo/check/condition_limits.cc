#include "interop/argo/check/condition_limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace ordeal::argo {
namespace {

constexpr size_t kMostText = 4096, kMostLevels = 64;

// Of expr-lang 1.17, but for those that Ordeal has.
constexpr std::string_view kWords[] = {"let", "if", "else", "matches", "contains", "startsWith", "endsWith"};
constexpr std::string_view kFunctions[] = {
    "reduce",  "groupBy",    "sortBy",    "countBy",    "keys",        "values",   "toJSON",    "fromJSON", "toBase64",
    "toPairs", "fromPairs",  "split",     "splitAfter", "replace",     "repeat",   "join",      "indexOf",  "get",
    "trim",    "trimPrefix", "hasPrefix", "hasSuffix",  "lastIndexOf", "upper",    "lower",     "string",   "type",
    "concat",  "flatten",    "uniq",      "reverse",    "take",        "bitand",   "bitor",     "bitxor",   "bitnand",
    "bitshl",  "bitshr",     "bitushr",   "bitnot",     "trimSuffix",  "timezone", "fromBase64"};

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

template <size_t N>
bool among(const std::string_view (&known)[N], std::string_view word) {
  return std::find(std::begin(known), std::end(known), word) != std::end(known);
}

// The text with blanks in place of what its strings and comments say.
std::string code_of(std::string_view text) {
  std::string code(text);
  for (size_t i = 0; i < code.size();) {
    size_t end = i + 1;
    if (code[i] == '"' || code[i] == '\'') {
      while (end < code.size() && code[end] != code[i]) end += code[end] == '\\' ? 2 : 1;
      end = std::min(end, code.size());
      std::fill(code.begin() + static_cast<long>(i) + 1, code.begin() + static_cast<long>(end), ' ');
      ++end;
    } else if (code.compare(i, 2, "//") == 0) {
      end = std::min(code.find('\n', i), code.size());
      std::fill(code.begin() + static_cast<long>(i), code.begin() + static_cast<long>(end), ' ');
    } else if (code.compare(i, 2, "/*") == 0) {
      size_t close = code.find("*/", i + 2);
      end = close == std::string::npos ? code.size() : close + 2;
      std::fill(code.begin() + static_cast<long>(i), code.begin() + static_cast<long>(end), ' ');
    }
    i = end;
  }
  return code;
}

// result.ok, result[0].x, f(x)?.y; no number such as 0.5.
std::string field_in(const std::string& code) {
  for (size_t i = 1; i + 1 < code.size(); ++i) {
    char before = code[i - 1] == '?' && i > 1 ? code[i - 2] : code[i - 1], after = code[i + 1];
    bool follows = is_name(before) || before == ']' || before == ')' || before == '"' || before == '\'';
    if (code[i] != '.' || !follows || !is_name(after) || is_digit(after)) continue;
    size_t end = i + 1;
    while (end < code.size() && is_name(code[end])) ++end;
    return fmt::format("fields ({})", code.substr(i, end - i));
  }
  return "";
}

std::string word_in(const std::string& code) {
  for (size_t i = 0; i < code.size();) {
    size_t end = i;
    while (end < code.size() && is_name(code[end])) ++end;
    std::string word = code.substr(i, end - i);
    size_t next = std::min(code.find_first_not_of(' ', end), code.size());
    bool called = next < code.size() && code[next] == '(';
    if (among(kWords, word)) return fmt::format("`{}`", word);
    if (called && among(kFunctions, word)) return fmt::format("function {}()", word);
    i = std::max(end, i + 1);
  }
  return "";
}

// x | f(), x ?? y, `text`, [a:b] and ["key"], {"a": 1}, $env
std::string sign_in(const std::string& code) {
  char open = ' ';  // the bracket that was opened last
  for (size_t i = 0; i < code.size(); ++i) {
    char c = code[i], next = i + 1 < code.size() ? code[i + 1] : ' ';
    bool twice = c == next;
    if (c == '|' && twice) ++i;
    if (c == '|' && !twice) return "pipe |";
    if (c == '?' && twice) return "operator ??";
    if (c == '`') return "texts in backquotes";
    if (c == '$') return "$env";
    if (c == '[' || c == '{' || c == '(') open = c;
    bool key = next == '"' || next == '\'', index = i > 0 && (is_name(code[i - 1]) || code[i - 1] == ']');
    if (c == '[' && key && index) return "keys in brackets";
    if (c == '{' && key) return "maps";
    if (c == ':' && open == '[' && code.find('?') == std::string::npos) return "slices";
  }
  return "";
}

std::string limit_of(std::string_view text) {
  if (text.size() > kMostText) return fmt::format("conditions of more than {} bytes", kMostText);
  size_t level = 0, most = 0;
  for (char c : text) {
    if (c == '(' || c == '[' || c == '{') most = std::max(most, ++level);
    if ((c == ')' || c == ']' || c == '}') && level > 0) --level;
  }
  return most > kMostLevels / 2 ? "conditions of so many levels" : "";
}

}  // namespace

std::string beyond_ordeal(std::string_view condition) {
  std::string code = code_of(condition);
  for (auto look : {field_in, word_in, sign_in})
    if (std::string found = look(code); !found.empty()) return found;
  return limit_of(code);
}

}  // namespace ordeal::argo
