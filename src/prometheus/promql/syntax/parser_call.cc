#include <fmt/format.h>

#include "core/base/text/quantity.h"
#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/parse_state.h"

namespace ordeal::promql {

Result<> ParseState::want(const Expr& expr, ValueKind kind, const std::string& where) const {
  if (expr.kind() == kind) return {};
  return fail_here(expr.at,
                   fmt::format("expected type {} in {}, found {}", kind_words(kind), where, kind_words(expr.kind())));
}

Result<std::vector<ExprPtr>> ParseState::parse_arguments() {
  std::vector<ExprPtr> arguments;
  TRY_VOID(need_symbol("(", "before the arguments"));
  while (!at_symbol(")")) {
    if (!arguments.empty() && !take_symbol(",")) return unexpected("',' or ')' after an argument");
    arguments.push_back(TRY(parse_binary(1)));
  }
  take();
  return arguments;
}

Result<std::vector<std::string>> ParseState::parse_labels() {
  std::vector<std::string> labels;
  TRY_VOID(need_symbol("(", "before the list of labels"));
  while (!at_symbol(")")) {
    bool word = token().kind == TokenKind::kWord && token().text.find(':') == std::string_view::npos;
    bool name = token().kind == TokenKind::kString && !token().string.empty();
    if (!word && !name) return unexpected("a label name");
    Token label = take();
    labels.push_back(word ? std::string(label.text) : label.string);
    if (!at_symbol(")") && !take_symbol(",")) return unexpected("',' or ')' after a label");
  }
  take();
  return labels;
}

Result<ExprPtr> ParseState::parse_call() {
  Token name = take();
  Call call;
  call.function = function_named(name.text);
  if (!call.function) return fail_here(name.at, fmt::format("there is no function {}()", name.text));
  if (call.function->status == FunctionStatus::kExperimental) {
    return unsupported(name.at, fmt::format("{}() is experimental in Prometheus and not supported", name.text));
  }
  if (call.function->status == FunctionStatus::kNative) {
    return unsupported(name.at, fmt::format("{}() needs native histograms and is not supported", name.text));
  }
  call.arguments = TRY(parse_arguments());
  TRY_VOID(check_call(call, name.at));
  return make(name.at, std::move(call));
}

Result<> ParseState::check_call(const Call& call, size_t at) const {
  const FunctionSpec& function = *call.function;
  size_t given = call.arguments.size(), least = function.least_arguments(), most = function.most_arguments();
  if (given < least || given > most) {
    std::string wanted = least == most   ? fmt::format("{}", least)
                         : given < least ? fmt::format("at least {}", least)
                                         : fmt::format("at most {}", most);
    const char* noun = (given < least ? least : most) == 1 ? "argument" : "arguments";
    return fail_here(at, fmt::format("{}() takes {} {}, found {}", function.name, wanted, noun, given));
  }
  for (size_t i = 0; i < given; ++i) {
    ValueKind kind = function.arguments[std::min(i, function.arguments.size() - 1)];
    TRY_VOID(want(*call.arguments[i], kind, fmt::format("the call of {}()", function.name)));
  }
  return {};
}

Result<ExprPtr> ParseState::parse_aggregate(AggregateOp op) {
  size_t at = take().at;
  Aggregate aggregate;
  aggregate.op = op;
  bool grouped = TRY(parse_grouping(aggregate));
  std::vector<ExprPtr> arguments = TRY(parse_arguments());
  if (!grouped) TRY(parse_grouping(aggregate));
  size_t wanted = op >= AggregateOp::kTopk ? 2 : 1;
  if (arguments.size() != wanted) {
    return fail_here(at, fmt::format("{} takes {}, found {}", symbol(op), counted(wanted, "argument", "arguments"),
                                     arguments.size()));
  }
  aggregate.expr = std::move(arguments.back());
  if (wanted == 2) aggregate.parameter = std::move(arguments.front());
  TRY_VOID(check_aggregate(aggregate));
  return make(at, std::move(aggregate));
}

Result<bool> ParseState::parse_grouping(Aggregate& aggregate) {
  if (!at_keyword("by") && !at_keyword("without")) return false;
  aggregate.without = take().string == "without";
  aggregate.labels = TRY(parse_labels());
  return true;
}

Result<> ParseState::check_aggregate(const Aggregate& aggregate) const {
  std::string where = fmt::format("the aggregation {}", symbol(aggregate.op));
  TRY_VOID(want(*aggregate.expr, ValueKind::kVector, where));
  if (!aggregate.parameter) return {};
  bool text = aggregate.op == AggregateOp::kCountValues;
  return want(*aggregate.parameter, text ? ValueKind::kString : ValueKind::kScalar, "the parameter of " + where);
}

}  // namespace ordeal::promql
