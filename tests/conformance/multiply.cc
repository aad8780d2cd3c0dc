#include "conformance/multiply.h"

#include <re2/re2.h>

#include <set>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::conformance {
namespace {

using namespace promql;  // NOLINT: the tree's node types, all of them

const std::set<std::string_view> kReadTheClock = {
    "days_in_month", "day_of_month", "day_of_week",    "day_of_year", "hour", "minute", "month", "year",
    "time",          "timestamp",    "predict_linear", "start",       "end",  "range",  "step"};

// Pins every selector that is not below a pinned subquery.
struct Pinner {
  int64_t at_ms;
  bool reads_the_clock = false;

  void pin(TimeShift& shift) const {
    if (shift.at != TimeShift::At::kNone) return;
    shift.at = TimeShift::At::kTime;
    shift.at_ms = at_ms;
  }
  void visit(Expr& expr) {
    std::visit([this](auto& node) { (*this)(node); }, expr.node);
  }
  void operator()(VectorSelector& selector) const { pin(selector.shift); }
  void operator()(MatrixSelector& matrix) const { pin(matrix.selector.shift); }
  void operator()(Subquery& subquery) const { pin(subquery.shift); }
  void operator()(Paren& paren) { visit(*paren.expr); }
  void operator()(Unary& unary) { visit(*unary.expr); }
  void operator()(Binary& binary) {
    visit(*binary.left);
    visit(*binary.right);
  }
  void operator()(Aggregate& aggregate) {
    if (aggregate.parameter) visit(*aggregate.parameter);
    visit(*aggregate.expr);
  }
  void operator()(Call& call) {
    reads_the_clock = reads_the_clock || kReadTheClock.count(call.function->name) > 0;
    for (ExprPtr& argument : call.arguments) visit(*argument);
  }
  void operator()(NumberLiteral&) const {}
  void operator()(StringLiteral&) const {}
};

}  // namespace

std::vector<Form> forms_of(const std::string& query, ExprPtr expr, int64_t at_ms) {
  std::vector<Form> forms{{query, at_ms}};
  Pinner pinner{at_ms};

  pinner.visit(*expr);
  if (pinner.reads_the_clock) return forms;
  std::string pinned = print(*expr);
  std::vector<int64_t> times{-10 * at_ms, 0, at_ms / 5, at_ms, 10 * at_ms};
  if (at_ms == 0) times = {-1000, 0, 1000};
  for (int64_t time : times) forms.push_back({pinned, time});
  return forms;
}

bool may_be_asked_as_a_range(const std::string& query) {
  static const re2::RE2 kContext(R"((start|end|range|step)\(\))");
  return !re2::RE2::PartialMatch(query, kContext);
}

}  // namespace ordeal::conformance
