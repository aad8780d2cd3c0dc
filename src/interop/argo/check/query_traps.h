// Traps in a PromQL query that parses, and mean something else than they seem to.
#pragma once

#include <string>
#include <vector>

#include "prometheus/promql/syntax/ast.h"

namespace ordeal::argo {

struct Trap {
  std::string what;
  std::string fix;
};
// count() of a series that is there for each state, 0 or 1 (kube_pod_status_phase); histogram_quantile() of buckets
// that are not summed by le.
std::vector<Trap> traps_of(const promql::Expr& query);

// A division of two vectors: empty while its left side was never counted, NaN while its right side is 0.
bool is_ratio(const promql::Expr& query);
// Whether the query gives a series whatever was measured, such as x or vector(0).
bool never_empty(const promql::Expr& query);

}  // namespace ordeal::argo
