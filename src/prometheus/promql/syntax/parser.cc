#include "prometheus/promql/syntax/parser.h"

#include <fmt/format.h>

#include <algorithm>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/parse_state.h"

namespace ordeal::promql {
namespace {

constexpr size_t kMostText = 65536;
constexpr int kMostDepth = 100;

struct BinaryOperator {
  BinaryOp op;
  int binding;
};
// Tighter binds higher; a sign binds like *.
constexpr int kSignBinding = 5;
constexpr int kPowerBinding = 6;
constexpr BinaryOperator kOperators[] = {
    {BinaryOp::kOr, 1},
    {BinaryOp::kAnd, 2},
    {BinaryOp::kUnless, 2},
    {BinaryOp::kEqual, 3},
    {BinaryOp::kNotEqual, 3},
    {BinaryOp::kLess, 3},
    {BinaryOp::kGreater, 3},
    {BinaryOp::kLessEqual, 3},
    {BinaryOp::kGreaterEqual, 3},
    {BinaryOp::kAdd, 4},
    {BinaryOp::kSub, 4},
    {BinaryOp::kMul, kSignBinding},
    {BinaryOp::kDiv, kSignBinding},
    {BinaryOp::kMod, kSignBinding},
    {BinaryOp::kAtan2, kSignBinding},
    {BinaryOp::kPow, kPowerBinding},
};

const BinaryOperator* operator_at(const Token& token) {
  std::string_view text = token.kind == TokenKind::kWord     ? std::string_view(token.string)
                          : token.kind == TokenKind::kSymbol ? token.text
                                                             : std::string_view();
  auto found = std::find_if(std::begin(kOperators), std::end(kOperators),
                            [&](const BinaryOperator& entry) { return symbol(entry.op) == text; });
  return found == std::end(kOperators) ? nullptr : found;
}

constexpr std::string_view kReserved[] = {"bool", "on", "ignoring", "group_left", "group_right", "atan2"};
constexpr std::string_view kFill[] = {"fill", "fill_left", "fill_right"};
constexpr std::string_view kExperimentalAggregates[] = {"limitk", "limit_ratio"};

template <typename List>
bool listed(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::optional<AggregateOp> aggregate_named(std::string_view word) {
  for (int i = 0; i <= static_cast<int>(AggregateOp::kCountValues); ++i) {
    if (symbol(static_cast<AggregateOp>(i)) == word) return static_cast<AggregateOp>(i);
  }
  return std::nullopt;
}

struct HighestChild {
  int operator()(const Subquery& node) const { return node.expr->height; }
  int operator()(const Paren& node) const { return node.expr->height; }
  int operator()(const Unary& node) const { return node.expr->height; }
  int operator()(const Binary& node) const { return std::max(node.left->height, node.right->height); }
  int operator()(const Aggregate& node) const {
    return std::max(node.expr->height, node.parameter ? node.parameter->height : 0);
  }
  int operator()(const Call& node) const {
    int highest = 0;
    for (const ExprPtr& argument : node.arguments) highest = std::max(highest, argument->height);
    return highest;
  }
  template <typename Leaf>
  int operator()(const Leaf&) const {
    return 0;
  }
};

}  // namespace

std::string_view kind_words(ValueKind kind) {
  constexpr std::string_view kWords[] = {"scalar", "instant vector", "range vector", "string"};
  return kWords[static_cast<size_t>(kind)];
}

bool ParseState::at_symbol(std::string_view symbol, size_t ahead) const {
  return token(ahead).kind == TokenKind::kSymbol && token(ahead).text == symbol;
}

bool ParseState::at_keyword(std::string_view keyword, size_t ahead) const {
  return token(ahead).kind == TokenKind::kWord && token(ahead).string == keyword;
}

bool ParseState::take_symbol(std::string_view symbol) {
  bool there = at_symbol(symbol);
  at_ += there ? 1 : 0;
  return there;
}

bool ParseState::take_keyword(std::string_view keyword) {
  bool there = at_keyword(keyword);
  at_ += there ? 1 : 0;
  return there;
}

Result<> ParseState::need_symbol(std::string_view symbol, std::string_view context) {
  if (take_symbol(symbol)) return {};
  return unexpected(fmt::format("'{}' {}", symbol, context));
}

Unexpected ParseState::unexpected(std::string_view wanted) const {
  const Token& found = token();
  std::string_view shown = found.text.substr(0, 40);
  std::string text = found.kind == TokenKind::kEnd      ? "the end of the query"
                     : found.kind == TokenKind::kString ? std::string(shown)
                                                        : fmt::format("\"{}\"", shown);
  return fail_here(found.at, fmt::format("expected {}, found {}", wanted, text));
}

Result<ExprPtr> ParseState::make(size_t at, Expr::Node node) const {
  int height = std::visit(HighestChild{}, node) + 1;
  if (height > kMostDepth) return fail_here(at, fmt::format("the query is more than {} levels deep", kMostDepth));
  auto expr = std::make_unique<Expr>();
  expr->at = at;
  expr->height = height;
  expr->node = std::move(node);
  return expr;
}

Result<ExprPtr> ParseState::parse_query() {
  if (token().kind == TokenKind::kEnd) return fail_here(0, "the query is empty");
  ExprPtr expr = TRY(parse_binary(1));
  if (token().kind == TokenKind::kEnd) return expr;
  return unexpected("an operator or the end of the query");
}

Result<ExprPtr> ParseState::parse_binary(int least_binding) {
  // Every way down the grammar leads through here.
  if (++depth_ > kMostDepth) {
    return fail_here(token().at, fmt::format("the query is more than {} levels deep", kMostDepth));
  }
  ExprPtr left = TRY(at_symbol("-") || at_symbol("+") ? parse_sign() : parse_primary());
  for (const auto* op = operator_at(token()); op && op->binding >= least_binding; op = operator_at(token())) {
    size_t at = take().at;
    Binary binary;
    binary.op = op->op;
    TRY_VOID(parse_matching(binary));
    // Only ^ is right-associative.
    ExprPtr right = TRY(parse_binary(op->op == BinaryOp::kPow ? op->binding : op->binding + 1));
    binary.left = std::move(left);
    binary.right = std::move(right);
    TRY_VOID(check_binary(binary, at));
    left = TRY(make(at, std::move(binary)));
  }
  --depth_;
  return left;
}

Result<> ParseState::parse_matching(Binary& binary) {
  binary.return_bool = take_keyword("bool");
  if (at_keyword("on") || at_keyword("ignoring")) {
    binary.matching_given = true;
    binary.matching.on = take().string == "on";
    binary.matching.labels = TRY(parse_labels());
    TRY_VOID(parse_group_side(binary));
  }
  if (token().kind == TokenKind::kWord && listed(kFill, token().string) && at_symbol("(", 1)) {
    return unsupported(token().at,
                       fmt::format("the {} modifier is experimental in Prometheus and not supported", token().string));
  }
  return {};
}

Result<> ParseState::parse_group_side(Binary& binary) {
  if (!at_keyword("group_left") && !at_keyword("group_right")) return {};
  bool left = take().string == "group_left";
  binary.matching.card = left ? VectorMatching::Card::kManyToOne : VectorMatching::Card::kOneToMany;
  if (at_symbol("(")) binary.matching.include = TRY(parse_labels());
  return {};
}

Result<> ParseState::check_binary(const Binary& binary, size_t at) const {
  std::string_view op = symbol(binary.op);
  ValueKind left = binary.left->kind(), right = binary.right->kind();
  for (const Expr* side : {binary.left.get(), binary.right.get()}) {
    if (side->kind() == ValueKind::kScalar || side->kind() == ValueKind::kVector) continue;
    return fail_here(side->at, fmt::format("operator {} needs a scalar or an instant vector, found a {}", op,
                                           kind_words(side->kind())));
  }
  bool scalars = left == ValueKind::kScalar && right == ValueKind::kScalar;
  bool vectors = left == ValueKind::kVector && right == ValueKind::kVector;
  if (binary.return_bool && !is_comparison(binary.op)) {
    return fail_here(at, fmt::format("bool goes with a comparison only, not with {}", op));
  }
  if (is_comparison(binary.op) && scalars && !binary.return_bool) {
    return fail_here(at, fmt::format("a comparison between scalars needs bool: {} bool", op));
  }
  if (is_set(binary.op) && !vectors) return fail_here(at, fmt::format("{} needs two instant vectors", op));
  if (binary.matching_given && !vectors) return fail_here(at, "on and ignoring need two instant vectors");
  const VectorMatching& matching = binary.matching;
  if (matching.card == VectorMatching::Card::kOneToOne) return {};
  if (is_set(binary.op)) return fail_here(at, fmt::format("no group_left or group_right with {}", op));
  for (const std::string& label : matching.include) {
    if (matching.on && listed(matching.labels, label)) {
      return fail_here(at,
                       fmt::format("label {} must not be in on() and in the group modifier", promql::quoted(label)));
    }
  }
  return {};
}

Result<ExprPtr> ParseState::parse_sign() {
  size_t at = token().at;
  bool minus = take().text == "-";
  ExprPtr operand = TRY(parse_binary(kPowerBinding));
  if (auto* number = std::get_if<NumberLiteral>(&operand->node)) {
    number->value = minus ? -number->value : number->value;
    return operand;
  }
  if (operand->kind() != ValueKind::kScalar && operand->kind() != ValueKind::kVector) {
    return fail_here(
        at, fmt::format("a sign needs a scalar or an instant vector, found a {}", kind_words(operand->kind())));
  }
  return make(at, Unary{minus, std::move(operand)});
}

Result<ExprPtr> ParseState::parse_primary() {
  size_t at = token().at;
  switch (token().kind) {
    case TokenKind::kNumber:
    case TokenKind::kDuration:
      return parse_postfix(TRY(make(at, NumberLiteral{take().number})));
    case TokenKind::kString:
      return parse_postfix(TRY(make(at, StringLiteral{take().string})));
    case TokenKind::kWord:
      return parse_word();
    default:
      break;
  }
  if (at_symbol("{")) return parse_postfix(TRY(parse_selector()));
  if (!take_symbol("(")) return unexpected("an expression");
  ExprPtr expr = TRY(parse_binary(1));
  TRY_VOID(need_symbol(")", "to close the parenthesis"));
  return parse_postfix(TRY(make(at, Paren{std::move(expr)})));
}

Result<ExprPtr> ParseState::parse_word() {
  const std::string& word = token().string;
  size_t at = token().at;
  if (auto number = parse_promql_number(word)) {
    take();
    return parse_postfix(TRY(make(at, NumberLiteral{*number})));
  }
  bool aggregates = at_symbol("(", 1) || at_keyword("by", 1) || at_keyword("without", 1);
  auto aggregate = aggregate_named(word);
  if (aggregate && aggregates) return parse_postfix(TRY(parse_aggregate(*aggregate)));
  if (listed(kExperimentalAggregates, word) && aggregates) {
    return unsupported(at, fmt::format("{} is experimental in Prometheus and not supported", word));
  }
  if (listed(kReserved, word)) return unexpected("an expression");
  if (at_symbol("(", 1)) return parse_postfix(TRY(parse_call()));
  return parse_postfix(TRY(parse_selector()));
}

Result<ExprPtr> parse(std::string_view query) {
  if (query.size() > kMostText) return fail_at("", 0, fmt::format("a query is at most {} bytes", kMostText));
  std::vector<Token> tokens = TRY(tokenize(query));
  return ParseState(query, std::move(tokens)).parse_query();
}

}  // namespace ordeal::promql
