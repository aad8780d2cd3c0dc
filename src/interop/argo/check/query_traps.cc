#include "interop/argo/check/query_traps.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "prometheus/promql/syntax/printer.h"

namespace ordeal::argo {
namespace {

using namespace promql;

// kube-state-metrics gives a series for each state that there may be: 1 for the present one, 0 for the others.
constexpr std::array<std::string_view, 8> kOneHot{"kube_pod_status_phase",
                                                  "kube_pod_status_ready",
                                                  "kube_pod_status_reason",
                                                  "kube_pod_status_scheduled",
                                                  "kube_namespace_status_phase",
                                                  "kube_node_status_condition",
                                                  "kube_persistentvolume_status_phase",
                                                  "kube_persistentvolumeclaim_status_phase"};

template <typename Visit>
void walk(const Expr& expr, const Visit& visit);

template <typename Visit>
struct Children {
  const Visit& visit;
  void below(const ExprPtr& child) const {
    if (child) walk(*child, visit);
  }
  void operator()(const NumberLiteral&) const {}
  void operator()(const StringLiteral&) const {}
  void operator()(const VectorSelector&) const {}
  void operator()(const MatrixSelector&) const {}
  void operator()(const Subquery& node) const { below(node.expr); }
  void operator()(const Paren& node) const { below(node.expr); }
  void operator()(const Unary& node) const { below(node.expr); }
  void operator()(const Binary& node) const {
    below(node.left);
    below(node.right);
  }
  void operator()(const Aggregate& node) const {
    below(node.parameter);
    below(node.expr);
  }
  void operator()(const Call& node) const {
    for (const ExprPtr& argument : node.arguments) below(argument);
  }
};

template <typename Visit>
void walk(const Expr& expr, const Visit& visit) {
  visit(expr);
  std::visit(Children<Visit>{visit}, expr.node);
}

bool has_label(const Aggregate& node, std::string_view label) {
  return std::find(node.labels.begin(), node.labels.end(), label) != node.labels.end();
}

void find_count_trap(const Expr& expr, std::vector<Trap>& traps) {
  const auto* count = std::get_if<Aggregate>(&expr.node);
  if (!count || count->op != AggregateOp::kCount) return;
  const auto* selector = std::get_if<VectorSelector>(&inner(*count->expr).node);
  if (!selector || std::find(kOneHot.begin(), kOneHot.end(), selector->name) == kOneHot.end()) return;
  std::string series = print(inner(*count->expr));
  traps.push_back({fmt::format("count({0}…) counts all of them: {0} has a series for each state, 1 for the present "
                               "one and 0 for the others",
                               selector->name),
                   fmt::format("sum({0}), or count({0} == 1)", series)});
}

void find_quantile_trap(const Expr& expr, std::vector<Trap>& traps) {
  const auto* call = std::get_if<Call>(&expr.node);
  if (!call || name_of(*call) != "histogram_quantile" || call->arguments.size() != 2) return;
  const Expr& buckets = inner(*call->arguments[1]);
  const auto* sum = std::get_if<Aggregate>(&buckets.node);
  if (sum && has_label(*sum, "le") != sum->without) return;
  traps.push_back(
      {"histogram_quantile() without sum by (le): one quantile for each series (route, pod, …), and NaN for "
       "those without traffic",
       fmt::format("histogram_quantile({}, sum by (le) ({}))", print(*call->arguments[0]), print(buckets))});
}

struct NeverEmpty {
  bool operator()(const NumberLiteral&) const { return true; }
  bool operator()(const Paren& node) const { return never_empty(*node.expr); }
  bool operator()(const Unary& node) const { return never_empty(*node.expr); }
  bool operator()(const Binary& node) const {
    if (node.op == BinaryOp::kOr) return never_empty(*node.left) || never_empty(*node.right);
    if (is_set(node.op) || (is_comparison(node.op) && !node.return_bool)) return false;
    return never_empty(*node.left) && never_empty(*node.right);
  }
  bool operator()(const Aggregate& node) const { return never_empty(*node.expr); }
  bool operator()(const Call& node) const {
    std::string_view name = name_of(node);
    if (name == "vector" || name == "scalar" || name == "time") return true;
    bool first_decides = !node.arguments.empty() && node.arguments[0]->kind() == ValueKind::kVector;
    return first_decides && name != "absent" && never_empty(*node.arguments[0]);
  }
  template <typename Other>
  bool operator()(const Other&) const {
    return false;
  }
};

}  // namespace

std::vector<Trap> traps_of(const Expr& query) {
  std::vector<Trap> traps;
  walk(query, [&](const Expr& expr) {
    find_count_trap(expr, traps);
    find_quantile_trap(expr, traps);
  });
  return traps;
}

bool is_ratio(const Expr& query) {
  const auto* binary = std::get_if<Binary>(&inner(query).node);
  return binary && binary->op == BinaryOp::kDiv && binary->left->kind() == ValueKind::kVector &&
         binary->right->kind() == ValueKind::kVector;
}

bool never_empty(const Expr& query) { return std::visit(NeverEmpty{}, query.node); }

}  // namespace ordeal::argo
