#include "promql/eval/binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "promql/eval/label_key.h"

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
      : binary_(binary),
        matching_(binary.matching),
        key_(binary.matching.labels, binary.matching.on),
        at_ms_(at_ms),
        options_(options) {}

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
    KeyIndex left_keys = keys_of(left), right_keys = keys_of(right);
    auto known = [this](const KeyIndex& keys, const Element& element) {
      return keys.find(key_, element.labels) != KeyIndex::kNone;
    };
    std::vector<bool> kept(left.size(), true), added(right.size(), false);
    for (size_t i = 0; i < left.size() && binary_.op != BinaryOp::kOr; ++i)
      kept[i] = known(right_keys, left[i]) == (binary_.op == BinaryOp::kAnd);
    for (size_t i = 0; i < right.size() && binary_.op == BinaryOp::kOr; ++i) added[i] = !known(left_keys, right[i]);
    Vector out;
    for (size_t i = 0; i < left.size(); ++i)
      if (kept[i]) out.push_back(std::move(left[i]));
    for (size_t i = 0; i < right.size(); ++i)
      if (added[i]) out.push_back(std::move(right[i]));
    return out;
  }

  Result<Value> vectors(const Vector& left, const Vector& right) {
    Vector out;
    if (left.empty() || right.empty()) return out;
    bool swapped = matching_.card == Card::kOneToMany;
    const Vector& many = swapped ? right : left;
    const Vector& one = swapped ? left : right;
    KeyIndex by_key = TRY(index(one, swapped ? "left" : "right"));
    results_.resize(one.size());
    used_.resize(one.size());
    for (const Element& element : many) {
      size_t place = by_key.find(key_, element.labels);
      if (place == KeyIndex::kNone) continue;
      double a = swapped ? one[place].value : element.value;
      double b = swapped ? element.value : one[place].value;
      Element result{result_labels(element.labels, one[place].labels), 0, at_ms_, element.drop_name};
      TRY_VOID(note(place, result.labels));
      auto value = combine(binary_, a, b, a);
      if (!value) continue;
      result.value = *value;
      if (binary_.return_bool) drop_name(result);
      out.push_back(std::move(result));
    }
    return out;
  }

 private:
  KeyIndex keys_of(const Vector& vector) const {
    KeyIndex keys;
    for (size_t i = 0; i < vector.size(); ++i) keys.find_or_add(key_, vector[i].labels, i);
    return keys;
  }

  Result<KeyIndex> index(const Vector& one, std::string_view side) const {
    KeyIndex by_key;
    for (size_t i = 0; i < one.size(); ++i) {
      size_t place = by_key.find_or_add(key_, one[i].labels, i);
      if (place == i) continue;
      std::string a = one[place].labels.text(), b = one[i].labels.text();
      return fail(Errc::kInvalidInput,
                  fmt::format("found duplicate series for the match group {} on the {} hand-side of the operation: "
                              "[{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                              key_.of(one[i].labels).text(), side, std::min(a, b), std::max(a, b)));
    }
    return by_key;
  }

  Labels result_labels(const Labels& many, const Labels& one) const {
    Labels labels = many;
    if (!is_comparison(binary_.op)) erase_metadata(labels);
    if (binary_.return_bool && !options_.delayed_name_removal) erase_metadata(labels);
    if (matching_.card == Card::kOneToOne) {
      labels = labels.filtered([this](std::string_view name) {
        bool listed = std::find(matching_.labels.begin(), matching_.labels.end(), name) != matching_.labels.end();
        return matching_.on == listed;
      });
    }
    for (const std::string& name : matching_.include) labels.set(name, one.get(name));
    return labels;
  }

  // Each element of the "one" side answers one other, or with group_left and group_right each result once.
  Result<> note(size_t place, const Labels& labels) {
    if (matching_.card == Card::kOneToOne) {
      if (!used_[place]) return used_[place] = true, Result<>();
      return fail(Errc::kInvalidInput,
                  "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
    }
    if (results_[place].insert(labels).second) return {};
    return fail(Errc::kInvalidInput, "multiple matches for labels: grouping labels must ensure unique matches");
  }

  Element finished(Element element, double value) const {
    element.value = value;
    element.ms = at_ms_;
    if (drops_name(binary_)) drop_name(element);
    return element;
  }

  const Binary& binary_;
  const VectorMatching& matching_;
  LabelKey key_;
  int64_t at_ms_;
  const EvalOptions& options_;
  std::vector<bool> used_;  // by the place on the "one" side
  std::vector<std::unordered_set<Labels, LabelsHash>> results_;
};

}  // namespace

Result<Value> apply_binary(const Binary& binary, Value left, Value right, int64_t at_ms, const EvalOptions& options) {
  const double* a = std::get_if<double>(&left);
  const double* b = std::get_if<double>(&right);
  if (a && b) return *combine(binary, *a, *b, *a);
  Matching matching(binary, at_ms, options);
  if (b) return matching.with_scalar(std::get<Vector>(std::move(left)), *b, false);
  if (a) return matching.with_scalar(std::get<Vector>(std::move(right)), *a, true);
  settle_names(std::get<Vector>(left), options);
  settle_names(std::get<Vector>(right), options);
  if (is_set(binary.op)) return matching.set(std::get<Vector>(std::move(left)), std::get<Vector>(std::move(right)));
  return matching.vectors(std::get<Vector>(left), std::get<Vector>(right));
}

}  // namespace ordeal::promql
