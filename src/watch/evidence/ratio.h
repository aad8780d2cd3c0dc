// A ratio of errors has no value while no error was ever counted: there is no numerator yet, and PromQL gives an empty
// vector. Where the denominator has a value above 0, traffic flows and the ratio is 0 (the usual error
// rate of 5xx over all requests is such a query). Only for a division of two vectors at the top of the query, and only
// while the numerator by itself is empty because a value finds nothing: sides that merely do not match, x / 1000
// without an x, series that ended or a window that is too short stay without data. Pure.
#pragma once

#include <functional>
#include <optional>

#include "core/model/seams.h"
#include "prometheus/promql/store/storage.h"
#include "prometheus/promql/syntax/ast.h"

namespace ordeal::watch {

struct RatioSides {
  const promql::Expr* numerator;
  const promql::Expr* denominator;
};
// Parts of `query`, or nullopt when it is no ratio.
std::optional<RatioSides> ratio_sides(const promql::Expr& query);

// What an empty numerator may be without: its metrics, labels and jobs are there (or announced by a page that is up, or
// not expected), nothing that it selects ever was (but on a target that began anew), and without the values that find
// nothing it has a value. Nothing, or why it is no zero.
struct NumeratorStore {
  const promql::Storage& storage;
  int64_t at_ms;
  std::function<bool(const std::string& metric)> announced;  // by a page that is up
  bool expect_series = true;
  promql::EvalOptions eval_options = {};
};
std::optional<Observation> why_no_zero(const promql::Expr& numerator, const NumeratorStore& store);

// For a Prometheus: the numerator without the matchers that are neither of the metric's name nor of job or instance, as
// text, and a query that has a value where the numerator selects series that are alive, or that ended with their target
// within the last `ago`, or where all that one of its values finds has ended so.
std::string without_values(const promql::Expr& numerator);
std::string selected_query(const promql::Expr& numerator, Nanos ago);
// The same verdict by what these two gave.
std::optional<Observation> why_no_zero(const Observation& wider, const Observation& selected);

// What an empty ratio means when its sides were seen so: 0, or still no data, with the reason.
Observation judge_empty_ratio(const Observation& empty, const Observation& numerator, const Observation& denominator);

}  // namespace ordeal::watch
