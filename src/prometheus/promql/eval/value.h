// What the evaluator computes with. Internal to src/prometheus/promql; QueryResult is what callers see.
#pragma once

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "prometheus/promql/eval/annotations.h"
#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/grouping/label_key.h"

namespace ordeal::promql {

struct Element {
  LabelsId labels = kNoLabels;
  bool drop_name = false;  // the name is to go (settle_names)
  double value = 0;
  int64_t ms = 0;  // of the sample itself when it comes straight from a selector
};
struct Vector : std::vector<Element> {
  using std::vector<Element>::vector;
  bool one_metric = false;  // as Selection::one_metric
};

struct RangeSeries {
  LabelsId labels = kNoLabels;
  bool drop_name = false;
  std::span<const Sample> samples;  // of the storage or of Matrix::own; no stale markers, never empty
};
struct Matrix {
  std::vector<RangeSeries> series;
  int64_t from_ms = 0;  // the window is (from_ms, to_ms]
  int64_t to_ms = 0;
  bool one_metric = false;
  std::vector<std::vector<Sample>> own;
};

using Value = std::variant<double, Vector, Matrix, std::string>;

struct Window;

// How far a change between the first and last sample of a window is stretched to its edges. What is scraped together
// has the same times, so the one of the series before mostly holds for the next.
struct Stretch {
  int64_t first_ms = 0, last_ms = 0;
  size_t size = 0;  // 0: of no window
  double divisor = 1;
  double sampled = 0, to_start = 0, to_end = 0;  // seconds
  double factor = 0;

  // Of the window's samples, two or more.
  const Stretch& of(const Window& window, double divisor);
};

// One series within a range selector, and the scalars that the function got beside it.
struct Window {
  std::span<const Sample> samples;  // never empty; without stale markers once a function sees it
  int64_t from_ms = 0;
  int64_t to_ms = 0;
  int64_t at_ms = 0;  // when the query is evaluated
  std::span<const double> scalars;
  double seconds = static_cast<double>(to_ms - from_ms) / 1000;
  bool stale = false;  // a stale marker is among the samples
  bool falls = true;   // one may be less than the one before, or NaN
  mutable Stretch stretch;
};

// Where and when a function is called.
struct CallSite {
  const Expr& expr;
  const Call& call;  // its node
  int64_t at_ms;
  bool in_range_query;
  const EvalOptions& options;
  Annotations& annotations;
  LabelSpace& labels;
};

// Takes the stale markers out of the window, whose samples are then in `scratch`. False when nothing is left.
inline bool drop_stale(Window& window, std::vector<Sample>& scratch) {
  if (!window.stale) return true;
  scratch.clear();
  std::copy_if(window.samples.begin(), window.samples.end(), std::back_inserter(scratch),
               [](const Sample& sample) { return !is_stale(sample.value); });
  window.samples = scratch;
  return !scratch.empty();
}

// Whether dropping the names can make an element equal to one of `metric`. Within one metric never: other labels
// differ.
bool may_collide(std::string_view metric, LabelsView other);
// Marks the name as dropped. With delayed removal it goes at the end of the query, else when somebody reads the labels:
// a sum over all series need not make 100 000 label sets.
inline void drop_name(Element& element) { element.drop_name = true; }
// Before labels are read: erases what was dropped, unless removal is delayed.
void settle_names(Vector& vector, LabelTable& table, const EvalOptions& options);
// Kahan-Neumaier summation, as Prometheus sums.
class Sum {
 public:
  void add(double value) {
    double next = sum_ + value;
    if (std::isinf(next)) {
      compensation_ = 0;
    } else if (std::abs(sum_) >= std::abs(value)) {
      compensation_ += (sum_ - next) + value;
    } else {
      compensation_ += (value - next) + sum_;
    }
    sum_ = next;
  }
  void multiply(double factor) { sum_ *= factor, compensation_ *= factor; }
  void divide(double divisor) { sum_ /= divisor, compensation_ /= divisor; }
  double plain() const { return sum_; }
  double total() const { return sum_ + compensation_; }

 private:
  double sum_ = 0;
  double compensation_ = 0;
};
// Without overflow where the plain sum would.
double mean_of(std::span<const double> values);
// Prometheus' quantile of values in any order: NaN sorts first; -Inf for q < 0, +Inf for q > 1.
double quantile_of(double q, std::vector<double> values);
// NaN before all numbers.
bool nan_first(double a, double b);

}  // namespace ordeal::promql
