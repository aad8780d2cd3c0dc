#include "prometheus/promql/syntax/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/literals.h"

namespace ordeal::promql {
namespace {

std::string label_text(const std::string& name) { return is_plain_name(name, false) ? name : promql::quoted(name); }

std::string label_list(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) text += (text.empty() ? "" : ", ") + label_text(label);
  return "(" + text + ")";
}

// A metric of one of these names reads as something else unless it is quoted.
bool reads_as_metric(const std::string& name) {
  constexpr std::string_view kWords[] = {"bool", "on", "ignoring", "group_left", "group_right", "atan2", "inf", "nan"};
  std::string lower = lower_case(name);
  return is_plain_name(name, true) && std::find(std::begin(kWords), std::end(kWords), lower) == std::end(kWords);
}

std::string shift_text(const TimeShift& shift) {
  std::string text;
  if (shift.at == TimeShift::At::kTime) text += fmt::format(" @ {:.3f}", static_cast<double>(shift.at_ms) / 1000);
  if (shift.at == TimeShift::At::kStart) text += " @ start()";
  if (shift.at == TimeShift::At::kEnd) text += " @ end()";
  if (shift.offset != Duration()) text += " offset " + shift.offset.offset_text();
  return text;
}

std::string selector_text(const VectorSelector& selector) {
  bool bare = reads_as_metric(selector.name);
  std::string inside = selector.name.empty() || bare ? "" : promql::quoted(selector.name);
  for (const Matcher& matcher : selector.matchers) {
    if (matcher.name() == kMetricName && !selector.name.empty()) continue;
    inside += inside.empty() ? "" : ", ";
    inside += label_text(matcher.name()) + std::string(matcher.symbol()) + promql::quoted(matcher.value());
  }
  std::string name = bare ? selector.name : "";
  return inside.empty() && bare ? name : name + "{" + inside + "}";
}

std::string number_text(double value) {
  if (std::isfinite(value) && value != std::floor(value)) return fmt::format("{}", value);
  if (std::isfinite(value)) return fmt::format("{:.0f}", value);
  return value > 0 ? "Inf" : value_text(value);  // a sign before it would read as an operator
}

struct Printer {
  std::string operator()(const NumberLiteral& number) const { return number_text(number.value); }
  std::string operator()(const StringLiteral& string) const { return promql::quoted(string.value); }
  std::string operator()(const VectorSelector& selector) const {
    return selector_text(selector) + shift_text(selector.shift);
  }
  std::string operator()(const MatrixSelector& matrix) const {
    return fmt::format("{}[{}]{}", selector_text(matrix.selector), matrix.range.text(),
                       shift_text(matrix.selector.shift));
  }
  std::string operator()(const Subquery& subquery) const {
    std::string step = subquery.step ? subquery.step->text() : "";
    return fmt::format("{}[{}:{}]{}", print(*subquery.expr), subquery.range.text(), step, shift_text(subquery.shift));
  }
  std::string operator()(const Paren& paren) const { return "(" + print(*paren.expr) + ")"; }
  std::string operator()(const Unary& unary) const { return (unary.minus ? "-" : "+") + print(*unary.expr); }
  std::string operator()(const Binary& binary) const {
    std::string text = fmt::format("{} {}", print(*binary.left), symbol(binary.op));
    if (binary.return_bool) text += " bool";
    const VectorMatching& matching = binary.matching;
    if (binary.matching_given) text += (matching.on ? " on " : " ignoring ") + label_list(matching.labels);
    bool left = matching.card == VectorMatching::Card::kManyToOne;
    if (left || matching.card == VectorMatching::Card::kOneToMany) {
      text += (left ? " group_left " : " group_right ") + label_list(matching.include);
    }
    return text + " " + print(*binary.right);
  }
  std::string operator()(const Aggregate& aggregate) const {
    std::string text(symbol(aggregate.op));
    if (aggregate.without || !aggregate.labels.empty()) {
      text += (aggregate.without ? " without " : " by ") + label_list(aggregate.labels) + " ";
    }
    std::string parameter = aggregate.parameter ? print(*aggregate.parameter) + ", " : "";
    return text + "(" + parameter + print(*aggregate.expr) + ")";
  }
  std::string operator()(const Call& call) const {
    std::string text;
    for (const ExprPtr& argument : call.arguments) text += (text.empty() ? "" : ", ") + print(*argument);
    return fmt::format("{}({})", call.function->name, text);
  }
};

}  // namespace

std::string print(const Expr& expr) { return std::visit(Printer{}, expr.node); }

}  // namespace ordeal::promql
