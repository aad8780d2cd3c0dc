#include "prometheus/promql/store/series_notation.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::promql {
namespace {

using Step = NotedSeries::Step;

Unexpected no_value(std::string_view word) {
  return fail(Errc::kInvalidInput, fmt::format("'{}' is not a value: expected 1, 1x2, 1+2x3, _, _x2 or stale", word));
}

// Where the labels end and the values begin: the first space outside quotes and braces.
size_t end_of_labels(std::string_view line) {
  char quote = '\0';
  bool braces = false;
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (quote) {
      if (c == '\\' && quote != '`') ++i;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'' || c == '`') {
      quote = c;
    } else if (c == '{' || c == '}') {
      braces = c == '{';
    } else if ((c == ' ' || c == '\t') && !braces) {
      // "name {a="b"} 1": the braces may stand apart.
      size_t next = line.find_first_not_of(" \t", i);
      bool labels_follow = next != line.npos && line[next] == '{' && line.substr(next, 2) != "{{" &&
                           line.substr(0, i).find('{') == line.npos;
      if (!labels_follow) return i;
    }
  }
  return line.size();
}

Result<Labels> labels_of(std::string_view text) {
  if (trim(text) == "{}") return Labels();
  ExprPtr expr = TRY(parse(text));
  const auto* selector = std::get_if<VectorSelector>(&expr->node);
  if (!selector) return fail(Errc::kInvalidInput, fmt::format("'{}' names no series", text));
  std::vector<Labels::Pair> pairs;
  for (const Matcher& matcher : selector->matchers) pairs.emplace_back(matcher.name(), matcher.value());
  return Labels(std::move(pairs));
}

std::optional<double> value_of(std::string_view word) {
  if (word == "stale") return stale_nan();
  bool negative = word.starts_with('-');
  if (negative || word.starts_with('+')) word.remove_prefix(1);
  auto value = parse_promql_number(word);
  return value && negative ? -*value : value;
}

// "2+3x4" as 2, 3 and 4.
Result<> append_run(std::string_view word, std::vector<Step>& steps) {
  std::string_view rest = word;
  int64_t more = 0;
  if (size_t x = rest.rfind('x'); x != rest.npos) {  // also "0x10": no hexadecimal number here
    auto count = parse_number<int64_t>(rest.substr(x + 1));
    if (!count || *count < 0 || *count > 1'000'000) return no_value(word);
    more = *count;
    rest = rest.substr(0, x);
  }
  if (rest == "_") {
    steps.insert(steps.end(), static_cast<size_t>(std::max<int64_t>(more, 1)), {Step::Form::kOmitted});
    return {};
  }
  double rise = 0;
  size_t sign = rest.find_first_of("+-", 1);
  while (sign != rest.npos && (rest[sign - 1] == 'e' || rest[sign - 1] == 'E'))
    sign = rest.find_first_of("+-", sign + 1);
  if (sign != rest.npos) {
    auto given = value_of(rest.substr(sign));
    if (!given) return no_value(word);
    rise = *given;
    rest = rest.substr(0, sign);
  }
  auto value = value_of(rest);
  if (!value) return no_value(word);
  steps.push_back({Step::Form::kFloat, *value});
  for (int64_t i = 0; i < more; ++i) {
    // Repeated addition, as Prometheus does: the last digits of long runs depend on it. It would spoil a stale marker.
    if (rise != 0) *value += rise;
    steps.push_back({Step::Form::kFloat, *value});
  }
  return {};
}

// "{{schema:0}}", "{{...}}x3", "{{...}}+{{...}}x3": what is left after it.
std::string_view append_native(std::string_view text, std::vector<Step>& steps) {
  size_t end = text.find("}}") + 2;
  while (end < text.size() && (text.substr(end, 3) == "+{{" || text.substr(end, 3) == "-{{"))
    end = text.find("}}", end) + 2;
  size_t space = std::min(text.find_first_of(" \t", end), text.size());
  size_t count = 1;
  if (end < text.size() && text[end] == 'x')
    count += parse_number<size_t>(text.substr(end + 1, space - end - 1)).value_or(0);
  steps.insert(steps.end(), count, {Step::Form::kNative});
  return text.substr(space);
}

}  // namespace

Result<NotedSeries> parse_series_notation(std::string_view line) {
  line = trim(line);
  NotedSeries series;
  size_t end = end_of_labels(line);
  series.labels = TRY(labels_of(line.substr(0, end)));
  for (std::string_view rest = trim(line.substr(end)); !rest.empty(); rest = trim(rest)) {
    if (rest.starts_with("{{") && rest.find("}}") != rest.npos) {
      rest = append_native(rest, series.steps);
      continue;
    }
    size_t space = std::min(rest.find_first_of(" \t"), rest.size());
    TRY_VOID(append_run(rest.substr(0, space), series.steps));
    rest = rest.substr(space);
  }
  return series;
}

}  // namespace ordeal::promql
