#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "core/expr/node.h"

namespace ordeal::expr {
namespace {

// What an operator takes, and what it then gives; the first line that fits counts.
struct Signature {
  Op op;
  Type left, right, returns;
};
constexpr Signature kSignatures[] = {
    {Op::kOr, Type::kBool, Type::kBool, Type::kBool},
    {Op::kAnd, Type::kBool, Type::kBool, Type::kBool},
    {Op::kLess, Type::kNumber, Type::kNumber, Type::kBool},
    {Op::kLess, Type::kText, Type::kText, Type::kBool},
    {Op::kLess, Type::kInstant, Type::kInstant, Type::kBool},
    {Op::kLess, Type::kDuration, Type::kDuration, Type::kBool},
    {Op::kAdd, Type::kInteger, Type::kInteger, Type::kInteger},
    {Op::kAdd, Type::kNumber, Type::kNumber, Type::kNumber},
    {Op::kAdd, Type::kText, Type::kText, Type::kText},
    {Op::kAdd, Type::kInstant, Type::kDuration, Type::kInstant},
    {Op::kAdd, Type::kDuration, Type::kInstant, Type::kInstant},
    {Op::kAdd, Type::kDuration, Type::kDuration, Type::kDuration},
    {Op::kSubtract, Type::kInteger, Type::kInteger, Type::kInteger},
    {Op::kSubtract, Type::kNumber, Type::kNumber, Type::kNumber},
    {Op::kSubtract, Type::kInstant, Type::kInstant, Type::kDuration},
    {Op::kSubtract, Type::kInstant, Type::kDuration, Type::kInstant},
    {Op::kSubtract, Type::kDuration, Type::kDuration, Type::kDuration},
    {Op::kMultiply, Type::kInteger, Type::kInteger, Type::kInteger},
    {Op::kMultiply, Type::kNumber, Type::kNumber, Type::kNumber},
    {Op::kMultiply, Type::kDuration, Type::kNumber, Type::kDuration},
    {Op::kMultiply, Type::kNumber, Type::kDuration, Type::kDuration},
    {Op::kDivide, Type::kNumber, Type::kNumber, Type::kNumber},
    {Op::kModulo, Type::kInteger, Type::kInteger, Type::kInteger},
    {Op::kModulo, Type::kNumber, Type::kNumber, Type::kNumber},  // Ordeal only
    {Op::kPower, Type::kNumber, Type::kNumber, Type::kNumber},
    {Op::kRange, Type::kInteger, Type::kInteger, Type::kList},
    {Op::kIn, Type::kNumber, Type::kList, Type::kBool},
};

Op family(Op op) { return op >= Op::kLess && op <= Op::kGreaterEqual ? Op::kLess : op; }

// kAny may still become what is wanted.
bool may_be(Type given, Type wanted) { return given == Type::kAny || fits(given, wanted); }

class Checker {
 public:
  explicit Checker(const Typing& typing) : typing_(typing) {}

  Result<Type> type_of_node(const Node& node) {
    switch (node.op) {
      case Op::kLiteral:
        return expr::type_of(node.literal);
      case Op::kResult:
        return typing_.result;
      case Op::kElement:
        return Type::kNumber;
      case Op::kIndex:
        return index(node);
      case Op::kCall:
        return call(node);
      case Op::kPredicate:
        return predicate(node);
      case Op::kConditional:
        return conditional(node);
      case Op::kList:
        return list(node);
      case Op::kNegate:
      case Op::kPlus:
        return sign(node);
      case Op::kNot:
        TRY_VOID(want(*node.children[0], Type::kBool, "!"));
        return Type::kBool;
      default:
        return binary(node);
    }
  }

 private:
  bool argo() const { return typing_.dialect == Dialect::kArgo; }

  Unexpected misfit(const Node& node, std::string_view who, Type wanted, Type given) const {
    bool bare_list = node.op == Op::kResult && given == Type::kList;
    return fail_at(node.column, fmt::format("{} needs {}, not {}{}", who, type_name(wanted), type_name(given),
                                            bare_list ? kAdvice : ""));
  }

  Result<Type> want(const Node& child, Type wanted, std::string_view who) {
    Type given = TRY(type_of_node(child));
    if (may_be(given, wanted)) return given;
    return misfit(child, who, wanted, given);
  }

  Result<Type> index(const Node& node) {
    TRY_VOID(want(*node.children[0], Type::kList, "an index"));
    TRY_VOID(want(*node.children[1], argo() ? Type::kInteger : Type::kNumber, "an index"));
    return Type::kNumber;
  }

  Result<Type> sign(const Node& node) {
    Type given = TRY(want(*node.children[0], Type::kNumber, node.op == Op::kPlus ? "+" : "-"));
    return given == Type::kAny ? Type::kNumber : given;
  }

  static bool extreme(const Function& function) { return function.name == "max" || function.name == "min"; }

  Result<Type> call(const Node& node) {
    const Function& function = *node.function;
    std::string who = fmt::format("{}()", function.name);
    bool whole = !node.children.empty();
    for (size_t i = 0; i < node.children.size(); ++i) {
      Type wanted = function.types[std::min(i, function.types.size() - 1)];
      whole = TRY(want(*node.children[i], wanted, who)) == Type::kInteger && whole;
    }
    // The result itself, which Argo's checker does not look into.
    if (function.form == Form::kDefault && argo()) return function.returns == Type::kBool ? Type::kBool : Type::kAny;
    if (whole && (function.name == "abs" || extreme(function))) return Type::kInteger;
    // Of these Argo's checker knows nothing.
    bool unknown = argo() && (extreme(function) || function.name == "mean" || function.name == "median");
    return unknown ? Type::kAny : element_type(function);
  }

  // first(), find() and their kin: for Argo's checker the elements' type, though there may be none.
  Type element_type(const Function& function) const {
    bool element = function.returns == Type::kAny && function.types[0] == Type::kList;
    return element && argo() ? Type::kNumber : function.returns;
  }

  Result<Type> predicate(const Node& node) {
    const Function& function = *node.function;
    std::string who = fmt::format("{}()", function.name);
    TRY_VOID(want(*node.children[0], Type::kList, who));
    if (node.children.size() < 2) return function.returns;
    TRY_VOID(want(*node.children[1], function.types[1], fmt::format("the condition of {}", who)));
    return element_type(function);
  }

  Result<Type> conditional(const Node& node) {
    TRY_VOID(want(*node.children[0], Type::kBool, "?"));
    Type a = TRY(type_of_node(*node.children[1]));
    return common(a, TRY(type_of_node(*node.children[2])));
  }

  Result<Type> list(const Node& node) {
    std::optional<Type> first;
    for (const NodePtr& child : node.children) {
      Type given = TRY(want(*child, Type::kNumber, "a list"));
      if (first && given != *first) mixed_.insert(&node);
      first = first.value_or(given);
    }
    return Type::kList;
  }

  Result<Type> equality(const Node& node, Type left, Type right) {
    bool nil = left == Type::kNil || right == Type::kNil;
    bool numbers = fits(left, Type::kNumber) && fits(right, Type::kNumber);
    if (left == right || nil || numbers || left == Type::kAny || right == Type::kAny) return Type::kBool;
    std::string_view symbol = operator_of(node.op)->symbol;
    if (node.children[0]->op == Op::kResult && left == Type::kList)
      return misfit(*node.children[0], symbol, right, left);
    return misfit(*node.children[1], symbol, left, right);
  }

  Result<Type> binary(const Node& node) {
    Type left = TRY(type_of_node(*node.children[0]));
    Type right = TRY(type_of_node(*node.children[1]));
    if (node.op == Op::kEqual || node.op == Op::kNotEqual) return equality(node, left, right);
    // For Argo a list such as [1, 0.5] holds values of any type: a list can be looked for in it, and is not found.
    if (node.op == Op::kIn && argo() && mixed_.count(node.children[1].get())) return Type::kBool;
    bool known = left != Type::kAny && right != Type::kAny;
    std::optional<Type> returns;
    for (const Signature& s : kSignatures) {
      if (!takes(node.op, s) || !may_be(left, s.left) || !may_be(right, s.right)) continue;
      if (known) return s.returns;
      returns = returns ? common(*returns, s.returns) : s.returns;
    }
    if (returns) return *returns;
    return no_signature(node, left, right);
  }

  bool takes(Op op, const Signature& s) const {
    bool whole_only = argo() && s.op == Op::kModulo && s.left == Type::kNumber;
    return s.op == family(op) && !whole_only;
  }

  static Type common(Type a, Type b) {
    if (a == b) return a;
    return fits(a, Type::kNumber) && fits(b, Type::kNumber) ? Type::kNumber : Type::kAny;
  }

  Unexpected no_signature(const Node& node, Type left, Type right) const {
    std::string_view symbol = operator_of(node.op)->symbol;
    const Signature* first = nullptr;
    for (const Signature& s : kSignatures) {
      if (!takes(node.op, s)) continue;
      if (!first) first = &s;
      if (may_be(left, s.left)) return misfit(*node.children[1], symbol, shown(s.op, s.right), right);
    }
    return misfit(*node.children[0], symbol, shown(first->op, first->left), left);
  }

  // The lines of whole numbers stand first, and those of numbers follow.
  static Type shown(Op op, Type wanted) {
    return wanted == Type::kInteger && op != Op::kModulo && op != Op::kRange ? Type::kNumber : wanted;
  }

  const Typing& typing_;
  std::set<const Node*> mixed_;  // lists whose elements differ in type; no node is checked twice
};

}  // namespace

Result<Type> check_types(const Node& node, const Typing& typing) { return Checker(typing).type_of_node(node); }

}  // namespace ordeal::expr
