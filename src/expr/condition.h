// Condition: what must hold of a measured `result`, in the words of Argo's analysis conditions:
//   result < 0.01        result[0] >= 0.95 && len(result) > 0        isNaN(result) || abs(result) <= 5
// A result is a number or a list of numbers. Comparisons with NaN are false, as in IEEE 754. Evaluation is pure and
// bounded by the text, which is at most 4 KiB and nested at most 50 deep. Errors name the column (from 1).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace ordeal::expr {

using Value = std::variant<double, bool, std::vector<double>>;

// `result < 0.01`: what a chart can draw as a line.
struct Threshold {
  std::string op;  // < <= > >= == !=
  double value = 0;
};

struct Node;

class Condition {
 public:
  static Result<Condition> parse(std::string_view text);

  // kInvalidInput when the types do not fit (a list compared with a number) or the value is no truth value.
  Result<bool> holds(const Value& result) const;
  // True when `result` stands somewhere without an index and outside len(): then each element of a vector is meant.
  bool uses_bare_result() const { return bare_; }
  std::optional<Threshold> threshold() const;
  const std::string& text() const { return text_; }

 private:
  Condition(std::string text, std::shared_ptr<const Node> root, bool bare)
      : text_(std::move(text)), root_(std::move(root)), bare_(bare) {}

  std::string text_;
  std::shared_ptr<const Node> root_;
  bool bare_;
};

}  // namespace ordeal::expr
