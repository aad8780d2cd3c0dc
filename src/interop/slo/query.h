// What budgets, rules and panels are composed of: queries as their authors wrote them, made fit to stand within others.
// A query is printed from its tree, never pasted: its comments and line breaks end nothing, and it binds as it did
// alone.
#pragma once

#include <string>

namespace ordeal::slo {

// One line, without comments. A text that is no PromQL stays as it is: whoever takes one checks it first.
std::string printed(const std::string& query);
// In parentheses, as an instant vector: a scalar becomes vector(…).
std::string operand(const std::string& query);
// Without the elements that are NaN: nothing was measured there, which is neither 0 nor a violation.
std::string without_nan(const std::string& vector);

// Above a fraction bar, a sum over series that nobody has counted yet (no request has failed, or none succeeds) gives
// no value, although it is 0. It becomes 0 where the metric has series of the same job and label names with other
// values; where it has none (a name is misspelt, or nothing was ever counted) it still gives no value.
std::string with_zeros(const std::string& query);
// The same of a sum that stands alone.
std::string or_zero(const std::string& sum);

}  // namespace ordeal::slo
