// The upstream runner asks each instant query more than once: with `@ T` on every selector at five other times, and
// as a range query whose middle step must say the same. That is where instant and range evaluation drift apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "prometheus/promql/syntax/ast.h"

namespace ordeal::conformance {

struct Form {
  std::string query;
  int64_t at_ms = 0;
};

// The query as it stands, then its `@` forms; none of a query that reads the clock (time(), predict_linear(), ...).
std::vector<Form> forms_of(const std::string& query, promql::ExprPtr expr, int64_t at_ms);

// False for a query whose own start and end are part of its meaning.
bool may_be_asked_as_a_range(const std::string& query);

}  // namespace ordeal::conformance
