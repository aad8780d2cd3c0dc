#include "prometheus/promql/eval/aggregate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/text/text.h"
#include "prometheus/promql/grouping/grouping.h"

namespace ordeal::promql {
namespace {

// NaN only when every value is.
template <typename Better>
double extreme(std::span<const double> values, Better better) {
  double best = values.front();
  for (double value : values) {
    if (std::isnan(best) || better(value, best)) best = value;
  }
  return best;
}

double sum_of(std::span<const double> values) {
  Sum sum;
  for (double value : values) sum.add(value);
  return sum.total();
}

// Welford's method, of the population.
double variance_of(std::span<const double> values) {
  double count = 0, average = 0, squares = 0;
  for (double value : values) {
    double before = value - average;
    average += before / ++count;
    squares += before * (value - average);
  }
  return squares / count;
}

using Reduction = double (*)(std::span<const double>);
// By AggregateOp; quantile and what follows have their own ways.
constexpr Reduction kReductions[] = {
    sum_of,
    [](std::span<const double> values) { return mean_of(values); },
    [](std::span<const double> values) { return extreme(values, std::less<>()); },
    [](std::span<const double> values) { return extreme(values, std::greater<>()); },
    [](std::span<const double> values) { return static_cast<double>(values.size()); },
    [](std::span<const double>) { return 1.0; },
    [](std::span<const double> values) { return std::sqrt(variance_of(values)); },
    variance_of,
};

// topk and bottomk: the elements themselves, best first, NaN last.
Result<Value> best(AggregateOp op, double wanted, const Grouping& grouping, const Vector& vector, int64_t at_ms) {
  if (std::isnan(wanted)) return fail(Errc::kInvalidInput, "Parameter value is NaN");
  Vector out;
  if (wanted < 1) return out;
  constexpr double kMost = 9223372036854774784;
  if (wanted >= kMost)
    return fail(Errc::kInvalidInput, fmt::format("Scalar value {} overflows int64", value_text(wanted)));
  bool largest = op == AggregateOp::kTopk;
  auto before = [&](const Element& one, const Element& other) {
    double a = one.value, b = other.value;
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return largest ? a > b : a < b;
  };
  std::vector<Element> elements = grouping.arranged([&](size_t i) { return vector[i]; });
  for (const Grouping::Group& group : grouping.groups()) {
    auto begin = elements.begin() + group.first;
    std::stable_sort(begin, begin + group.size, before);
    auto taken = static_cast<ptrdiff_t>(std::min(wanted, static_cast<double>(group.size)));
    std::for_each(begin, begin + taken, [&](Element& element) { element.ms = at_ms; });
    out.insert(out.end(), begin, begin + taken);
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

Result<Value> count_values(const std::string& label, const LabelKey& key, const Vector& vector, int64_t at_ms,
                           LabelTable& table) {
  if (label.empty() || !valid_utf8(label))
    return fail(Errc::kInvalidInput, fmt::format("invalid label name {}", promql::quoted(label)));
  std::map<Labels, double> counts;
  for (const Element& element : vector) {
    Labels labels = key.of(table[element.labels], false);
    labels.set(label, positional(element.value));
    counts[labels] += 1;
  }
  Vector out;
  for (const auto& [labels, count] : counts) out.push_back({table.intern(labels), false, count, at_ms});
  return out;
}

}  // namespace

Result<Value> apply_aggregate(const Aggregate& aggregate, const Value* parameter, Vector vector, int64_t at_ms,
                              LabelSpace& labels) {
  AggregateOp op = aggregate.op;
  LabelKey key(aggregate.labels, aggregate.without ? LabelKey::Counts::kOthers : LabelKey::Counts::kListed);
  if (op == AggregateOp::kCountValues)
    return count_values(std::get<std::string>(*parameter), key, vector, at_ms, labels.table);
  KeyNumbers& keys = labels.of(&aggregate, key).keys;
  Grouping grouping(vector, keys);
  if (op == AggregateOp::kTopk || op == AggregateOp::kBottomk)
    return best(op, std::get<double>(*parameter), grouping, vector, at_ms);
  std::vector<double> values = grouping.arranged([&](size_t i) { return vector[i].value; });
  Vector out;
  for (const Grouping::Group& group : grouping.groups()) {
    std::span<const double> of_group = std::span(values).subspan(group.first, group.size);
    double value = op == AggregateOp::kQuantile
                       ? quantile_of(std::get<double>(*parameter), {of_group.begin(), of_group.end()})
                       : kReductions[static_cast<size_t>(op)](of_group);
    LabelsId id = keys.labels_of(group.key);
    out.push_back({id, group.drop_name && !labels.table[id].get(kMetricName).empty(), value, at_ms});
  }
  return out;
}

}  // namespace ordeal::promql
