#include "promql/eval/binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

namespace ordeal::promql {
namespace {

using Card = VectorMatching::Card;
using Arithmetic = double (*)(double, double);

constexpr Arithmetic kArithmetic[] = {
    [](double a, double b) { return a + b; },
    [](double a, double b) { return a - b; },
    [](double a, double b) { return a * b; },
    [](double a, double b) { return a / b; },
    [](double a, double b) { return std::fmod(a, b); },
    [](double a, double b) { return std::pow(a, b); },
    [](double a, double b) { return std::atan2(a, b); },
};

using Compare = bool (*)(double, double);
constexpr Compare kComparisons[] = {
    [](double a, double b) { return a == b; }, [](double a, double b) { return a != b; },
    [](double a, double b) { return a > b; },  [](double a, double b) { return a < b; },
    [](double a, double b) { return a >= b; }, [](double a, double b) { return a <= b; },
};

bool compare(BinaryOp op, double a, double b) {
  return kComparisons[static_cast<size_t>(op) - static_cast<size_t>(BinaryOp::kEqual)](a, b);
}

double compute(BinaryOp op, double a, double b) { return kArithmetic[static_cast<size_t>(op)](a, b); }

// A comparison that filters keeps `kept`; nothing when it does not hold.
std::optional<double> combine(const Binary& binary, double left, double right, double kept) {
  if (!is_comparison(binary.op)) return compute(binary.op, left, right);
  bool holds = compare(binary.op, left, right);
  if (binary.return_bool) return holds ? 1 : 0;
  return holds ? std::optional(kept) : std::nullopt;
}

bool drops_name(const Binary& binary) { return !is_comparison(binary.op) || binary.return_bool; }

class Matching {
 public:
  Matching(const Binary& binary, int64_t at_ms, const EvalOptions& options)
      : binary_(binary), matching_(binary.matching), at_ms_(at_ms), options_(options) {}

  Vector with_scalar(Vector vector, double scalar, bool scalar_is_left) {
    Vector out;
    for (Element& element : vector) {
      auto value = scalar_is_left ? combine(binary_, scalar, element.value, element.value)
                                  : combine(binary_, element.value, scalar, element.value);
      if (value) out.push_back(finished(std::move(element), *value));
    }
    return out;
  }

  Vector set(Vector left, Vector right) const {
    std::unordered_set<Labels, LabelsHash> left_keys, right_keys;
    for (const Element& element : left) left_keys.insert(key_of(element.labels));
    for (const Element& element : right) right_keys.insert(key_of(element.labels));
    Vector out;
    for (Element& element : left) {
      bool there = binary_.op != BinaryOp::kOr && right_keys.count(key_of(element.labels)) > 0;
      if (binary_.op == BinaryOp::kOr || there == (binary_.op == BinaryOp::kAnd)) out.push_back(std::move(element));
    }
    if (binary_.op != BinaryOp::kOr) return out;
    for (Element& element : right) {
      if (left_keys.count(key_of(element.labels)) == 0) out.push_back(std::move(element));
    }
    return out;
  }

  Result<Value> vectors(const Vector& left, const Vector& right) {
    bool swapped = matching_.card == Card::kOneToMany;
    const Vector& many = swapped ? right : left;
    const Vector& one = swapped ? left : right;
    auto by_key = TRY(index(one, swapped ? "left" : "right"));
    Vector out;
    for (const Element& element : many) {
      auto found = by_key.find(key_of(element.labels));
      if (found == by_key.end()) continue;
      double a = swapped ? found->second->value : element.value;
      double b = swapped ? element.value : found->second->value;
      auto value = combine(binary_, a, b, a);
      if (!value) continue;
      Element result = element;
      result.labels = result_labels(element.labels, found->second->labels);
      TRY_VOID(note(found->first, result.labels));
      out.push_back(finished(std::move(result), *value));
    }
    return out;
  }

 private:
  using Index = std::unordered_map<Labels, const Element*, LabelsHash>;

  Labels key_of(const Labels& labels) const {
    Labels key;
    for (const auto& [name, value] : labels) {
      bool listed = std::find(matching_.labels.begin(), matching_.labels.end(), name) != matching_.labels.end();
      if (matching_.on ? listed : !listed && name != kMetricName) key.set(name, value);
    }
    return key;
  }

  Result<Index> index(const Vector& one, std::string_view side) const {
    Index by_key;
    for (const Element& element : one) {
      auto [at, fresh] = by_key.try_emplace(key_of(element.labels), &element);
      if (fresh) continue;
      return fail(
          Errc::kInvalidInput,
          fmt::format("found duplicate series for the match group {} on the {} side of {}: {} and {}; "
                      "many-to-many matching not allowed: matching labels must be unique on one side",
                      at->first.text(), side, symbol(binary_.op), at->second->labels.text(), element.labels.text()));
    }
    return by_key;
  }

  Labels result_labels(const Labels& many, const Labels& one) const {
    Labels labels = many;
    if (drops_name(binary_) && !options_.delayed_name_removal) labels.erase(kMetricName);
    if (matching_.card == Card::kOneToOne) {
      for (const auto& [name, value] : many) {
        bool listed = std::find(matching_.labels.begin(), matching_.labels.end(), name) != matching_.labels.end();
        if (matching_.on != listed) labels.erase(name);
      }
    }
    for (const std::string& name : matching_.include) labels.set(name, one.get(name));
    return labels;
  }

  // Each group of the "one" side answers one element, or with group_left and group_right each result once.
  Result<> note(const Labels& key, const Labels& labels) {
    if (matching_.card == Card::kOneToOne) {
      if (used_.insert(key).second) return {};
      return fail(Errc::kInvalidInput, fmt::format("multiple matches for labels {}: many-to-one matching must be "
                                                   "explicit (group_left/group_right)",
                                                   key.text()));
    }
    if (results_[key].insert(labels).second) return {};
    return fail(Errc::kInvalidInput, fmt::format("multiple matches for labels {}: grouping labels must ensure unique "
                                                 "matches",
                                                 key.text()));
  }

  Element finished(Element element, double value) const {
    element.value = value;
    element.ms = at_ms_;
    if (drops_name(binary_)) drop_name(element, options_);
    return element;
  }

  const Binary& binary_;
  const VectorMatching& matching_;
  int64_t at_ms_;
  const EvalOptions& options_;
  std::unordered_set<Labels, LabelsHash> used_;
  std::unordered_map<Labels, std::unordered_set<Labels, LabelsHash>, LabelsHash> results_;
};

}  // namespace

Result<Value> apply_binary(const Binary& binary, Value left, Value right, int64_t at_ms, const EvalOptions& options) {
  const double* a = std::get_if<double>(&left);
  const double* b = std::get_if<double>(&right);
  if (a && b) return *combine(binary, *a, *b, *a);
  Matching matching(binary, at_ms, options);
  if (b) return matching.with_scalar(std::get<Vector>(std::move(left)), *b, false);
  if (a) return matching.with_scalar(std::get<Vector>(std::move(right)), *a, true);
  if (is_set(binary.op)) return matching.set(std::get<Vector>(std::move(left)), std::get<Vector>(std::move(right)));
  return matching.vectors(std::get<Vector>(left), std::get<Vector>(right));
}

}  // namespace ordeal::promql
