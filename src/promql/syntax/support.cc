#include <fmt/format.h>

#include "promql/functions/function_table.h"
#include "promql/syntax/parser.h"

namespace ordeal::promql {
namespace {

struct Checker {
  Result<> operator()(const Subquery& subquery) const { return check_supported(*subquery.expr); }
  Result<> operator()(const Paren& paren) const { return check_supported(*paren.expr); }
  Result<> operator()(const Unary& unary) const { return check_supported(*unary.expr); }
  Result<> operator()(const Binary& binary) const {
    TRY_VOID(check_supported(*binary.left));
    return check_supported(*binary.right);
  }
  Result<> operator()(const Aggregate& aggregate) const {
    if (aggregate.parameter) TRY_VOID(check_supported(*aggregate.parameter));
    return check_supported(*aggregate.expr);
  }
  Result<> operator()(const Call& call) const {
    if (std::holds_alternative<std::monostate>(call.function->implementation)) {
      return fail(Errc::kUnsupported, fmt::format("{}() is not supported yet", call.function->name));
    }
    for (const ExprPtr& argument : call.arguments) TRY_VOID(check_supported(*argument));
    return {};
  }
  template <typename Leaf>
  Result<> operator()(const Leaf&) const {
    return {};
  }
};

}  // namespace

Result<> check_supported(const Expr& expr) { return std::visit(Checker{}, expr.node); }

}  // namespace ordeal::promql
