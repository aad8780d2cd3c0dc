#include "expr/condition.h"

#include <fmt/format.h>

#include <algorithm>

#include "expr/node.h"

namespace ordeal::expr {
namespace {

constexpr Op kComparisonOps[] = {Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual, Op::kEqual, Op::kNotEqual};
constexpr Comparison kMirrored[] = {Comparison::kGreater,   Comparison::kGreaterEqual, Comparison::kLess,
                                    Comparison::kLessEqual, Comparison::kEqual,        Comparison::kNotEqual};

bool takes_lists(const Node& node) {
  return node.op == Op::kIndex || (node.op == Op::kCall && node.function->types[0] != Type::kNumber);
}

bool has_bare_result(const Node& node) {
  for (size_t i = 0; i < node.children.size(); ++i) {
    const Node& child = *node.children[i];
    if (child.op == Op::kResult && takes_lists(node) && (i == 0 || node.op == Op::kCall)) continue;
    if (child.op == Op::kResult || has_bare_result(child)) return true;
  }
  return node.op == Op::kResult;
}

bool is_result(const Node& node) {
  return node.op == Op::kResult || (node.op == Op::kIndex && node.children[0]->op == Op::kResult);
}

std::optional<double> constant(const Node& node) {
  if (node.op == Op::kLiteral && node.type == Type::kNumber) return std::get<double>(node.literal);
  if (node.op != Op::kNegate) return std::nullopt;
  auto positive = constant(*node.children[0]);
  return positive ? std::optional(-*positive) : std::nullopt;
}

std::optional<Threshold> threshold_of(const Node& node) {
  auto found = std::find(std::begin(kComparisonOps), std::end(kComparisonOps), node.op);
  if (found == std::end(kComparisonOps)) return std::nullopt;
  auto which = static_cast<size_t>(found - std::begin(kComparisonOps));
  auto left = constant(*node.children[0]), right = constant(*node.children[1]);
  if (is_result(*node.children[0]) && right) return Threshold{static_cast<Comparison>(which), *right};
  if (is_result(*node.children[1]) && left) return Threshold{kMirrored[which], *left};
  return std::nullopt;
}

}  // namespace

std::string_view symbol(Comparison comparison) {
  return operator_of(kComparisonOps[static_cast<size_t>(comparison)])->symbol;
}

Result<Condition> Condition::parse(std::string_view text) {
  auto root = parse_tree(text);
  if (!root) return wrap(root.error(), fmt::format("cannot read the condition \"{}\"", text.substr(0, 200)));
  Condition condition;
  condition.text_ = text;
  condition.root_ = std::move(*root);
  condition.uses_bare_result_ = has_bare_result(*condition.root_);
  condition.threshold_ = threshold_of(*condition.root_);
  return condition;
}

Result<bool> Condition::holds(const Value& result) const {
  auto value = evaluate(*root_, result);
  if (!value) return wrap(value.error(), fmt::format("cannot judge \"{}\"", text_));
  if (const bool* truth = std::get_if<bool>(&*value)) return *truth;
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" is {}, not true or false", text_, type_name(type_of(*value))));
}

}  // namespace ordeal::expr
