#include "prometheus/promql/eval/binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

// An operator on two numbers.
class Operator {
 public:
  explicit Operator(const Binary& binary) : return_bool_(binary.return_bool) {
    auto op = static_cast<size_t>(binary.op), first = static_cast<size_t>(BinaryOp::kEqual);
    if (is_comparison(binary.op)) {
      compare_ = kComparisons[op - first];
    } else if (!is_set(binary.op)) {
      compute_ = kArithmetic[op];
    }
  }

  // A comparison that filters keeps `kept`; nothing when it does not hold.
  std::optional<double> operator()(double left, double right, double kept) const {
    if (compute_) return compute_(left, right);
    bool holds = compare_(left, right);
    if (return_bool_) return holds ? 1 : 0;
    return holds ? std::optional(kept) : std::nullopt;
  }

 private:
  Arithmetic compute_ = nullptr;
  Compare compare_ = nullptr;
  bool return_bool_;
};

// Whether its results have no name.
bool drops_name(const Binary& binary) { return !is_comparison(binary.op) || binary.return_bool; }

class Matching {
 public:
  Matching(const Binary& binary, int64_t at_ms, const EvalOptions& options, LabelSpace& labels)
      : binary_(binary),
        operator_(binary),
        matching_(binary.matching),
        key_(binary.matching.labels, binary.matching.on ? LabelKey::Counts::kListed : LabelKey::Counts::kOthers),
        at_ms_(at_ms),
        options_(options),
        table_(labels.table),
        node_(labels.of(&binary, key_)) {}

  Vector with_scalar(Vector vector, double scalar, bool scalar_is_left) {
    size_t kept = 0;
    bool drops = drops_name(binary_);
    for (const Element& element : vector) {
      auto value = scalar_is_left ? operator_(scalar, element.value, element.value)
                                  : operator_(element.value, scalar, element.value);
      if (value) vector[kept++] = {element.labels, element.drop_name || drops, *value, at_ms_};
    }
    vector.resize(kept);
    return vector;
  }

  Vector set(Vector left, const Vector& right) {
    std::vector<uint32_t> left_keys = keys_of(left), right_keys = keys_of(right);
    bool add = binary_.op == BinaryOp::kOr;
    std::vector<bool> known(node_.keys.size());
    for (uint32_t key : add ? left_keys : right_keys) known[key] = true;
    if (add) {
      left.one_metric = false;
      for (size_t i = 0; i < right.size(); ++i)
        if (!known[right_keys[i]]) left.push_back(right[i]);
      return left;
    }
    size_t kept = 0;
    for (size_t i = 0; i < left.size(); ++i)
      if (known[left_keys[i]] == (binary_.op == BinaryOp::kAnd)) left[kept++] = left[i];
    left.resize(kept);
    return left;
  }

  Result<Value> vectors(const Vector& left, const Vector& right) {
    Vector out;
    if (left.empty() || right.empty()) return out;
    bool swapped = matching_.card == Card::kOneToMany;
    const Vector& many = swapped ? right : left;
    const Vector& one = swapped ? left : right;
    std::vector<uint32_t> many_keys = keys_of(many);
    std::vector<uint32_t> place_of = TRY(places(one, swapped ? "left" : "right"));
    used_.resize(one.size());
    for (size_t i = 0; i < many.size(); ++i) {
      uint32_t place = place_of[many_keys[i]];
      if (place == Memo::kNone) continue;
      double a = swapped ? one[place].value : many[i].value;
      double b = swapped ? many[i].value : one[place].value;
      Element result{result_labels(many[i].labels, one[place].labels), many[i].drop_name, 0, at_ms_};
      TRY_VOID(note(place, result.labels));
      auto value = operator_(a, b, a);
      if (!value) continue;
      result.value = *value;
      if (binary_.return_bool) drop_name(result);
      out.push_back(result);
    }
    return out;
  }

 private:
  std::vector<uint32_t> keys_of(const Vector& vector) {
    std::vector<uint32_t> keys;
    keys.reserve(vector.size());
    for (const Element& element : vector) keys.push_back(node_.keys.number(element.labels));
    return keys;
  }

  // In `one`, by key.
  Result<std::vector<uint32_t>> places(const Vector& one, std::string_view side) {
    std::vector<uint32_t> keys = keys_of(one), place_of(node_.keys.size(), Memo::kNone);
    for (uint32_t i = 0; i < one.size(); ++i) {
      uint32_t& place = place_of[keys[i]];
      if (place != Memo::kNone) return fail(Errc::kInvalidInput, many_to_many(one[place], one[i], side));
      place = i;
    }
    return place_of;
  }

  std::string many_to_many(const Element& before, const Element& again, std::string_view side) const {
    std::string a = table_[before.labels].text(), b = table_[again.labels].text();
    return fmt::format(
        "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}];many-to-many "
        "matching not allowed: matching labels must be unique on one side",
        key_.of(table_[again.labels], false).text(), side, std::min(a, b), std::max(a, b));
  }

  LabelsId result_labels(LabelsId many, LabelsId one) {
    auto [known, fresh] = node_.joined.try_emplace(uint64_t{many} << 32 | one, kNoLabels);
    if (fresh) known->second = table_.intern(join(table_[many], table_[one]));
    return known->second;
  }

  Labels join(LabelsView many, LabelsView one) const {
    bool bare = !is_comparison(binary_.op) || (binary_.return_bool && !options_.delayed_name_removal);
    Labels labels = Labels::filtered(many, [&](std::string_view name) {
      if (bare && is_metadata(name)) return false;
      if (matching_.card != Card::kOneToOne) return true;
      bool listed = std::find(matching_.labels.begin(), matching_.labels.end(), name) != matching_.labels.end();
      return matching_.on == listed;
    });
    for (const std::string& name : matching_.include) labels.set(name, one.get(name));
    return labels;
  }

  // Each element of the "one" side answers one other, or with group_left and group_right each result once.
  Result<> note(uint32_t place, LabelsId labels) {
    if (matching_.card == Card::kOneToOne) {
      if (!used_[place]) return used_[place] = true, Result<>();
      return fail(Errc::kInvalidInput,
                  "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
    }
    if (results_.insert(uint64_t{place} << 32 | labels).second) return {};
    return fail(Errc::kInvalidInput, "multiple matches for labels: grouping labels must ensure unique matches");
  }

  const Binary& binary_;
  Operator operator_;
  const VectorMatching& matching_;
  LabelKey key_;
  int64_t at_ms_;
  const EvalOptions& options_;
  LabelTable& table_;
  NodeLabels& node_;
  std::vector<bool> used_;  // by the place on the "one" side
  std::unordered_set<uint64_t> results_;
};

}  // namespace

Result<Value> apply_binary(const Binary& binary, Value left, Value right, int64_t at_ms, const EvalOptions& options,
                           LabelSpace& labels) {
  const double* a = std::get_if<double>(&left);
  const double* b = std::get_if<double>(&right);
  if (a && b) return *Operator(binary)(*a, *b, *a);
  Matching matching(binary, at_ms, options, labels);
  if (b) return matching.with_scalar(std::get<Vector>(std::move(left)), *b, false);
  if (a) return matching.with_scalar(std::get<Vector>(std::move(right)), *a, true);
  settle_names(std::get<Vector>(left), labels.table, options);
  settle_names(std::get<Vector>(right), labels.table, options);
  if (is_set(binary.op)) return matching.set(std::get<Vector>(std::move(left)), std::get<Vector>(right));
  return matching.vectors(std::get<Vector>(left), std::get<Vector>(right));
}

}  // namespace ordeal::promql
