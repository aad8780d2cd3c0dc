// condition_file < LINES: judges conditions in Argo's language. A line is RESULT, a tab, and the condition; RESULT is
// s:1.5 (a scalar) or v:1,NaN (a vector). Prints true, false, or "error: why" for each.
#include <fmt/format.h>

#include <iostream>

#include "core/base/text/text.h"
#include "core/expr/condition.h"

namespace {

using namespace ordeal;

double number(std::string_view text) {
  return parse_number<double>(text.starts_with('+') ? text.substr(1) : text).value_or(0);
}

expr::Value result_of(std::string_view text) {
  if (text.starts_with("s:")) return number(text.substr(2));
  expr::List list;
  for (std::string_view word : split_words(text.substr(2), ",")) list.push_back(number(word));
  return list;
}

std::string judge(std::string_view result, std::string_view text) {
  auto condition = expr::Condition::parse(text, expr::Dialect::kArgo);
  if (!condition) return "error: " + condition.error().message();
  auto truth = condition->holds(result_of(result), {.unwrap_single = false, .now = wall_now()});
  if (!truth) return "error: " + truth.error().message();
  return *truth ? "true" : "false";
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    size_t tab = line.find('\t');
    fmt::print("{}\n", judge(line.substr(0, tab), line.substr(tab + 1)));
  }
}
