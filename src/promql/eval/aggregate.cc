#include "promql/eval/aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

namespace ordeal::promql {
namespace {

struct Group {
  Labels labels;
  bool drop_name = false;  // as soon as one element drops its name
  Vector elements;

  std::vector<double> values() const {
    std::vector<double> values;
    for (const Element& element : elements) values.push_back(element.value);
    return values;
  }
};

Labels key_of(const Aggregate& aggregate, const Labels& labels) {
  Labels key;
  for (const auto& [name, value] : labels) {
    bool listed = std::find(aggregate.labels.begin(), aggregate.labels.end(), name) != aggregate.labels.end();
    if (aggregate.without ? !listed && name != kMetricName : listed) key.set(name, value);
  }
  return key;
}

// In the order in which the groups first appear.
std::vector<Group> grouped(const Aggregate& aggregate, Vector vector) {
  std::vector<Group> groups;
  std::unordered_map<Labels, size_t, LabelsHash> places;
  for (Element& element : vector) {
    auto [at, fresh] = places.try_emplace(key_of(aggregate, element.labels), groups.size());
    if (fresh) groups.push_back({at->first, false, {}});
    Group& group = groups[at->second];
    group.drop_name = group.drop_name || element.drop_name;
    group.elements.push_back(std::move(element));
  }
  return groups;
}

// NaN only when every value is.
template <typename Better>
double extreme(const std::vector<double>& values, Better better) {
  double best = values.front();
  for (double value : values) {
    if (std::isnan(best) || better(value, best)) best = value;
  }
  return best;
}

double sum_of(const std::vector<double>& values) {
  Sum sum;
  for (double value : values) sum.add(value);
  return sum.total();
}

// Welford's method, of the population.
double variance_of(const std::vector<double>& values) {
  double count = 0, average = 0, squares = 0;
  for (double value : values) {
    double before = value - average;
    average += before / ++count;
    squares += before * (value - average);
  }
  return squares / count;
}

using Reduction = double (*)(const std::vector<double>&);
// By AggregateOp; quantile and what follows have their own ways.
constexpr Reduction kReductions[] = {
    sum_of,
    [](const std::vector<double>& values) { return mean_of(values); },
    [](const std::vector<double>& values) { return extreme(values, std::less<>()); },
    [](const std::vector<double>& values) { return extreme(values, std::greater<>()); },
    [](const std::vector<double>& values) { return static_cast<double>(values.size()); },
    [](const std::vector<double>&) { return 1.0; },
    [](const std::vector<double>& values) { return std::sqrt(variance_of(values)); },
    variance_of,
};

Element result_of(const Group& group, double value, int64_t at_ms) {
  return {group.labels, value, at_ms, group.drop_name && !group.labels.get(kMetricName).empty()};
}

// topk and bottomk: the elements themselves, best first, NaN last.
Result<Value> best(AggregateOp op, double wanted, std::vector<Group> groups, int64_t at_ms) {
  if (std::isnan(wanted)) return fail(Errc::kInvalidInput, fmt::format("the parameter of {} is NaN", symbol(op)));
  Vector out;
  if (wanted < 1) return out;
  bool largest = op == AggregateOp::kTopk;
  for (Group& group : groups) {
    auto before = [&](const Element& a, const Element& b) {
      if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
      return largest ? a.value > b.value : a.value < b.value;
    };
    std::stable_sort(group.elements.begin(), group.elements.end(), before);
    auto size = static_cast<double>(group.elements.size());
    group.elements.resize(static_cast<size_t>(std::min(wanted, size)));
    for (Element& element : group.elements) {
      element.ms = at_ms;
      out.push_back(std::move(element));
    }
  }
  return out;
}

Result<Value> count_values(const std::string& label, const Aggregate& aggregate, Vector vector, int64_t at_ms) {
  if (label.empty()) return fail(Errc::kInvalidInput, "count_values needs a label name that is not empty");
  std::map<Labels, double> counts;
  for (const Element& element : vector) {
    Labels key = key_of(aggregate, element.labels);
    key.set(label, value_text(element.value));
    counts[key] += 1;
  }
  Vector out;
  for (auto& [labels, count] : counts) out.push_back({labels, count, at_ms, false});
  return out;
}

}  // namespace

Result<Value> apply_aggregate(const Aggregate& aggregate, const Value* parameter, Vector vector, int64_t at_ms) {
  AggregateOp op = aggregate.op;
  if (op == AggregateOp::kCountValues) {
    return count_values(std::get<std::string>(*parameter), aggregate, std::move(vector), at_ms);
  }
  std::vector<Group> groups = grouped(aggregate, std::move(vector));
  if (op == AggregateOp::kTopk || op == AggregateOp::kBottomk) {
    return best(op, std::get<double>(*parameter), std::move(groups), at_ms);
  }
  Vector out;
  for (const Group& group : groups) {
    double value = op == AggregateOp::kQuantile ? quantile_of(std::get<double>(*parameter), group.values())
                                                : kReductions[static_cast<size_t>(op)](group.values());
    out.push_back(result_of(group, value, at_ms));
  }
  return out;
}

}  // namespace ordeal::promql
