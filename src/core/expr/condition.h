// Condition: what an expectation demands of a query's `result`, in the language of Argo Rollouts' conditions:
//   result < 0.01     len(result) == 0 || result[0] <= 0.5     all(result, # < 1) and not isNaN(result[0])
// docs/argo.md lists operators and functions. A comparison with NaN is false, x / 0 is Inf, && || and ?: evaluate only
// what they need, an index beyond the list is an error. At most 4 KiB of text and 64 levels; holds() takes at most
// 100 000 steps. Errors are kInvalidInput and name the column. Immutable, and may be shared between threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/expr/value.h"

namespace ordeal::expr {

struct Node;

// Where the two differ:
//               Ordeal                                        Argo Rollouts 1.10 (expr-lang 1.17)
// default(x,d)  d when x has no data (empty, or beyond)       `result`, whatever x is: a query's result is never nil
// isNil(x)      x has no data                                 false
// a wrong type  an error where it is evaluated                an error of the whole condition, evaluated or not
// 7.5 % 2       1.5                                           an error: whole numbers only
// result[1.0]   the second element                            an error: whole numbers only
// max() of NaN  NaN                                           the larger of what stands before and after it
// max([])       an error: no data                             nil
enum class Dialect { kOrdeal, kArgo };

enum class Comparison { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };
std::string_view symbol(Comparison comparison);

// A condition of the shape `result < 5` or `5 > result[0]`: what a chart draws as a line.
struct Threshold {
  Comparison comparison = Comparison::kLess;
  double value = 0;
  bool operator==(const Threshold&) const = default;
};

struct Surroundings {
  bool unwrap_single = false;  // a bare `result` that is a list of one element stands for that element
  std::optional<Nanos> now;    // since the Unix epoch; without it now() is an error
};

class Condition {
 public:
  // Types are checked as far as they are known without the result.
  static Result<Condition> parse(std::string_view text, Dialect dialect = Dialect::kOrdeal);

  // Fails when the condition does not fit the result: `result < 1` for a list (compare result[0], or each element).
  Result<bool> holds(const Value& result, const Surroundings& surroundings = {}) const;

  // Whether `result` stands for a number somewhere: not indexed, and not inside len() or default().
  bool uses_bare_result() const { return uses_bare_result_; }
  std::optional<Threshold> threshold() const { return threshold_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  Dialect dialect_ = Dialect::kOrdeal;
  std::shared_ptr<const Node> root_;
  bool uses_bare_result_ = false;
  std::optional<Threshold> threshold_;
};

// An expression for a time, such as `now() - duration("5m")`, in Argo's language and without a `result`: since the Unix
// epoch.
Result<Nanos> evaluate_time(std::string_view text, Nanos now);

}  // namespace ordeal::expr
