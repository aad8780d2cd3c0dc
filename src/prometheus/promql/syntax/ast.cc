#include "prometheus/promql/syntax/ast.h"

#include <algorithm>
#include <cmath>

#include "prometheus/promql/functions/function_table.h"

namespace ordeal::promql {
namespace {

bool same_pointee(const ExprPtr& a, const ExprPtr& b) { return (!a && !b) || (a && b && same(*a, *b)); }

// What two nodes of one type share besides their position.
struct SameNode {
  bool operator()(const NumberLiteral& a, const NumberLiteral& b) const {
    return a.value == b.value || (std::isnan(a.value) && std::isnan(b.value));
  }
  bool operator()(const StringLiteral& a, const StringLiteral& b) const { return a.value == b.value; }
  bool operator()(const VectorSelector& a, const VectorSelector& b) const {
    return a.name == b.name && a.matchers == b.matchers && a.shift == b.shift;
  }
  bool operator()(const MatrixSelector& a, const MatrixSelector& b) const {
    return (*this)(a.selector, b.selector) && a.range == b.range;
  }
  bool operator()(const Subquery& a, const Subquery& b) const {
    return same(*a.expr, *b.expr) && a.range == b.range && a.step == b.step && a.shift == b.shift;
  }
  bool operator()(const Paren& a, const Paren& b) const { return same(*a.expr, *b.expr); }
  bool operator()(const Unary& a, const Unary& b) const { return a.minus == b.minus && same(*a.expr, *b.expr); }
  bool operator()(const Binary& a, const Binary& b) const {
    return a.op == b.op && a.return_bool == b.return_bool && a.matching_given == b.matching_given &&
           a.matching == b.matching && same(*a.left, *b.left) && same(*a.right, *b.right);
  }
  bool operator()(const Aggregate& a, const Aggregate& b) const {
    return a.op == b.op && a.without == b.without && a.labels == b.labels && same_pointee(a.parameter, b.parameter) &&
           same(*a.expr, *b.expr);
  }
  bool operator()(const Call& a, const Call& b) const {
    return a.function == b.function &&
           std::equal(a.arguments.begin(), a.arguments.end(), b.arguments.begin(), b.arguments.end(), same_pointee);
  }
};

struct KindOf {
  ValueKind operator()(const NumberLiteral&) const { return ValueKind::kScalar; }
  ValueKind operator()(const StringLiteral&) const { return ValueKind::kString; }
  ValueKind operator()(const VectorSelector&) const { return ValueKind::kVector; }
  ValueKind operator()(const MatrixSelector&) const { return ValueKind::kMatrix; }
  ValueKind operator()(const Subquery&) const { return ValueKind::kMatrix; }
  ValueKind operator()(const Paren& paren) const { return paren.expr->kind(); }
  ValueKind operator()(const Unary& unary) const { return unary.expr->kind(); }
  ValueKind operator()(const Binary& binary) const {
    bool scalars = binary.left->kind() == ValueKind::kScalar && binary.right->kind() == ValueKind::kScalar;
    return scalars ? ValueKind::kScalar : ValueKind::kVector;
  }
  ValueKind operator()(const Aggregate&) const { return ValueKind::kVector; }
  ValueKind operator()(const Call& call) const { return call.function->returns; }
};

struct ChildrenOf {
  using List = std::vector<const Expr*>;
  List operator()(const Subquery& node) const { return {node.expr.get()}; }
  List operator()(const Paren& node) const { return {node.expr.get()}; }
  List operator()(const Unary& node) const { return {node.expr.get()}; }
  List operator()(const Binary& node) const { return {node.left.get(), node.right.get()}; }
  List operator()(const Aggregate& node) const {
    return node.parameter ? List{node.parameter.get(), node.expr.get()} : List{node.expr.get()};
  }
  List operator()(const Call& node) const {
    List list;
    for (const ExprPtr& argument : node.arguments) list.push_back(argument.get());
    return list;
  }
  template <typename Leaf>
  List operator()(const Leaf&) const {
    return {};
  }
};

constexpr std::string_view kBinarySymbols[] = {
    "+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless"};
constexpr std::string_view kAggregateSymbols[] = {"sum",    "avg",    "min",  "max",     "count",    "group",
                                                  "stddev", "stdvar", "topk", "bottomk", "quantile", "count_values"};

}  // namespace

std::string_view symbol(BinaryOp op) { return kBinarySymbols[static_cast<size_t>(op)]; }

std::string_view symbol(AggregateOp op) { return kAggregateSymbols[static_cast<size_t>(op)]; }

bool is_comparison(BinaryOp op) { return op >= BinaryOp::kEqual && op <= BinaryOp::kLessEqual; }

bool is_set(BinaryOp op) { return op >= BinaryOp::kAnd; }

ValueKind Expr::kind() const { return std::visit(KindOf{}, node); }

std::string_view name_of(const Call& call) { return call.function->name; }

bool same(const Expr& a, const Expr& b) {
  if (a.node.index() != b.node.index()) return false;
  return std::visit([&](const auto& left) { return SameNode{}(left, std::get<std::decay_t<decltype(left)>>(b.node)); },
                    a.node);
}

const Expr& inner(const Expr& expr) {
  const Expr* at = &expr;
  while (const Paren* paren = std::get_if<Paren>(&at->node)) at = paren->expr.get();
  return *at;
}

std::vector<const Expr*> children(const Expr& expr) { return std::visit(ChildrenOf{}, expr.node); }

}  // namespace ordeal::promql
