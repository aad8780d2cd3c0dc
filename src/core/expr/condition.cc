#include "core/expr/condition.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

constexpr Op kComparisonOps[] = {Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual, Op::kEqual, Op::kNotEqual};
constexpr Comparison kMirrored[] = {Comparison::kGreater,   Comparison::kGreaterEqual, Comparison::kLess,
                                    Comparison::kLessEqual, Comparison::kEqual,        Comparison::kNotEqual};

// The result itself; in Argo's language default() is that too.
bool stands_for_result(const Node& node, Dialect dialect) {
  bool is_default = node.op == Op::kCall && node.function->form == Form::kDefault && node.children.size() == 2;
  return node.op == Op::kResult || (is_default && dialect == Dialect::kArgo);
}

bool takes_list(const Node& node, size_t child) {
  if (node.op == Op::kIndex || node.op == Op::kPredicate) return child == 0;
  if (node.op == Op::kIn) return child == 1;
  return node.op == Op::kCall && node.function->types[0] != Type::kNumber;
}

// Whether there is any below.
bool mark_bare(Node& node, Dialect dialect) {
  bool any = false;
  for (size_t i = 0; i < node.children.size(); ++i) {
    Node& child = *node.children[i];
    child.bare = stands_for_result(child, dialect) && !takes_list(node, i);
    any = mark_bare(child, dialect) || child.bare || any;
  }
  return any;
}

bool is_result(const Node& node) {
  return node.op == Op::kResult || (node.op == Op::kIndex && node.children[0]->op == Op::kResult);
}

std::optional<double> constant(const Node& node) {
  if (node.op == Op::kLiteral && is_number(node.literal)) return to_number(node.literal);
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

// What the checker must be told of a result that evaluation will unwrap: nothing, since `result` may be both then.
Type known_type(const Scope& scope) {
  const List* list = std::get_if<List>(&scope.result);
  return list && list->size() == 1 && scope.unwrap_single ? Type::kAny : type_of(scope.result);
}

}  // namespace

std::string_view symbol(Comparison comparison) {
  return operator_of(kComparisonOps[static_cast<size_t>(comparison)])->symbol;
}

Result<Condition> Condition::parse(std::string_view text, Dialect dialect) {
  std::string trying = fmt::format("cannot read the condition \"{}\"", text.substr(0, 200));
  auto root = parse_tree(text);
  if (!root) return wrap(root.error(), trying);
  auto type = check_types(**root, {Type::kAny, dialect});
  if (!type) return wrap(type.error(), trying);
  if (!fits(Type::kBool, *type))
    return wrap(fail_at(1, fmt::format("a condition must be true or false, this is {}",
                                       type_name(*type == Type::kInteger ? Type::kNumber : *type)))
                    .value(),
                trying);
  Condition condition;
  condition.text_ = text;
  condition.dialect_ = dialect;
  (*root)->bare = stands_for_result(**root, dialect);
  condition.uses_bare_result_ = mark_bare(**root, dialect) || (*root)->bare;
  condition.threshold_ = threshold_of(**root);
  condition.root_ = std::move(*root);
  return condition;
}

Result<bool> Condition::holds(const Value& result, const Surroundings& surroundings) const {
  Scope scope{result, dialect_, surroundings.unwrap_single, surroundings.now};
  std::string trying = fmt::format("cannot judge \"{}\"", text_);
  if (dialect_ == Dialect::kArgo) {
    auto type = check_types(*root_, {known_type(scope), dialect_});
    if (!type) return wrap(type.error(), trying);
  }
  auto value = evaluate(*root_, scope);
  if (!value) return wrap(value.error(), trying);
  if (const bool* truth = std::get_if<bool>(&*value)) return *truth;
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" is {}, not true or false", text_, type_name(type_of(*value))));
}

namespace {

bool mentions_result(const Node& node) {
  return node.op == Op::kResult || std::any_of(node.children.begin(), node.children.end(),
                                               [](const NodePtr& child) { return mentions_result(*child); });
}

Result<Value> time_value(std::string_view text, Nanos now) {
  NodePtr root = TRY(parse_tree(text));
  if (mentions_result(*root)) return fail_at(1, "a time has no result");
  TRY_VOID(check_types(*root, {Type::kAny, Dialect::kArgo}).map([](Type) {}));
  Value nothing{Nil{}};
  return evaluate(*root, Scope{nothing, Dialect::kArgo, false, now});
}

}  // namespace

Result<Nanos> evaluate_time(std::string_view text, Nanos now) {
  auto value = time_value(text, now);
  if (!value) return wrap(value.error(), fmt::format("cannot read the time \"{}\"", text.substr(0, 200)));
  if (const auto* instant = std::get_if<Instant>(&*value)) return instant->since_epoch;
  return fail(Errc::kInvalidInput, fmt::format("\"{}\" is {}, not an instant", text, type_name(type_of(*value))));
}

}  // namespace ordeal::expr
