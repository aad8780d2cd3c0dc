#include "promql/eval/aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/text.h"
#include "promql/eval/label_key.h"

namespace ordeal::promql {
namespace {

struct Group {
  Labels labels;
  bool drop_name = false;       // as soon as one element drops its name
  std::vector<size_t> members;  // places in the vector
};

// In the order in which the groups first appear.
std::vector<Group> grouped(const Aggregate& aggregate, const Vector& vector) {
  LabelKey key(aggregate.labels, !aggregate.without);
  std::vector<Group> groups;
  KeyIndex index;
  for (size_t i = 0; i < vector.size(); ++i) {
    size_t place = index.find_or_add(key, vector[i].labels, groups.size());
    if (place == groups.size()) groups.push_back({key.of(vector[i].labels), false, {}});
    groups[place].drop_name = groups[place].drop_name || vector[i].drop_name;
    groups[place].members.push_back(i);
  }
  return groups;
}

std::vector<double> values_of(const Group& group, const Vector& vector) {
  std::vector<double> values;
  values.reserve(group.members.size());
  for (size_t member : group.members) values.push_back(vector[member].value);
  return values;
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
Result<Value> best(AggregateOp op, double wanted, std::vector<Group> groups, Vector vector, int64_t at_ms) {
  if (std::isnan(wanted)) return fail(Errc::kInvalidInput, "Parameter value is NaN");
  Vector out;
  if (wanted < 1) return out;
  bool largest = op == AggregateOp::kTopk;
  auto before = [&](size_t i, size_t j) {
    double a = vector[i].value, b = vector[j].value;
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return largest ? a > b : a < b;
  };
  for (Group& group : groups) {
    std::stable_sort(group.members.begin(), group.members.end(), before);
    auto size = static_cast<double>(group.members.size());
    group.members.resize(static_cast<size_t>(std::min(wanted, size)));
    for (size_t member : group.members) {
      vector[member].ms = at_ms;
      out.push_back(std::move(vector[member]));
    }
  }
  return out;
}

// The shortest digits that read back the same, without an exponent: zeros fill what they leave.
std::string positional(double value) {
  if (!std::isfinite(value)) return value_text(value);
  std::string text = fmt::format("{}", value);
  size_t e = text.find('e');
  if (e == text.npos) return value_text(value);
  int exponent = parse_number<int>(std::string_view(text).substr(text[e + 1] == '+' ? e + 2 : e + 1)).value_or(0);
  std::string sign = value < 0 ? "-" : "", digits;
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  if (exponent < 0) return sign + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  digits.resize(std::max(digits.size(), static_cast<size_t>(exponent) + 1), '0');
  return sign + digits;
}

Result<Value> count_values(const std::string& label, const Aggregate& aggregate, const Vector& vector, int64_t at_ms) {
  if (label.empty() || !valid_utf8(label))
    return fail(Errc::kInvalidInput, fmt::format("invalid label name {}", quoted(label)));
  LabelKey key(aggregate.labels, !aggregate.without);
  std::map<Labels, double> counts;
  for (const Element& element : vector) {
    Labels labels = key.of(element.labels);
    labels.set(label, positional(element.value));
    counts[labels] += 1;
  }
  Vector out;
  for (auto& [labels, count] : counts) out.push_back({labels, count, at_ms, false});
  return out;
}

}  // namespace

Result<Value> apply_aggregate(const Aggregate& aggregate, const Value* parameter, Vector vector, int64_t at_ms) {
  AggregateOp op = aggregate.op;
  if (op == AggregateOp::kCountValues) return count_values(std::get<std::string>(*parameter), aggregate, vector, at_ms);
  std::vector<Group> groups = grouped(aggregate, vector);
  if (op == AggregateOp::kTopk || op == AggregateOp::kBottomk)
    return best(op, std::get<double>(*parameter), std::move(groups), std::move(vector), at_ms);
  Vector out;
  for (const Group& group : groups) {
    std::vector<double> values = values_of(group, vector);
    double value = op == AggregateOp::kQuantile ? quantile_of(std::get<double>(*parameter), std::move(values))
                                                : kReductions[static_cast<size_t>(op)](values);
    out.push_back(result_of(group, value, at_ms));
  }
  return out;
}

}  // namespace ordeal::promql
