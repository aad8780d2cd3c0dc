// Condition: what an expectation demands of a query's `result`, in the language of Argo Rollouts' conditions:
//   result < 0.01     len(result) == 0 || result[0] <= 0.5     !isNaN(result) and default(result[0], 0) < 1
// Numbers are doubles (a comparison with NaN is false, x / 0 is Inf), && and || stop early, an index beyond the list
// is an error unless default() is around it. At most 4 KiB of text and 64 levels; holds() takes at most 100 000 steps.
// Errors are kInvalidInput and name the column. A condition is immutable and may be shared between threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "expr/value.h"

namespace ordeal::expr {

struct Node;

enum class Comparison { kLess, kLessEqual, kGreater, kGreaterEqual, kEqual, kNotEqual };
std::string_view symbol(Comparison comparison);

// A condition of the shape `result < 5` or `5 > result[0]`: what a chart draws as a line.
struct Threshold {
  Comparison comparison = Comparison::kLess;
  double value = 0;
  bool operator==(const Threshold&) const = default;
};

class Condition {
 public:
  // Types are checked as far as they are known without the result.
  static Result<Condition> parse(std::string_view text);

  // Fails when the condition does not fit the result: `result < 1` for a list (compare result[0], or each element).
  Result<bool> holds(const Value& result) const;

  // Whether `result` stands for a number somewhere: not indexed, and not inside len() or default().
  bool uses_bare_result() const { return uses_bare_result_; }
  std::optional<Threshold> threshold() const { return threshold_; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::shared_ptr<const Node> root_;
  bool uses_bare_result_ = false;
  std::optional<Threshold> threshold_;
};

}  // namespace ordeal::expr
