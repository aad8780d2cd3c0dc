// What a query says at one instant: a scalar, a vector, a matrix (of a range selector or a range query) or a string.
// An empty vector is "no data", a NaN element is "no data for that element"; what to do about it is the caller's
// policy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "prometheus/promql/store/storage.h"

namespace ordeal::promql {

enum class ValueKind { kScalar, kVector, kMatrix, kString };
// "scalar", "vector", "matrix", "string": the resultType of Prometheus' API.
std::string_view kind_name(ValueKind kind);

struct VectorElement {
  Labels labels;
  double value = 0;
};

struct MatrixSeries {
  Labels labels;
  std::vector<Sample> samples;
};

struct QueryResult {
  ValueKind kind = ValueKind::kVector;
  double scalar = 0;                  // kScalar
  std::vector<VectorElement> vector;  // kVector; in the order of sort() and topk(), else by labels
  std::vector<MatrixSeries> matrix;   // kMatrix, by labels
  std::string string;                 // kString
  // Prometheus' annotations, in its words: "PromQL warning: ... (1:6)". Each once.
  std::vector<std::string> warnings;
  std::vector<std::string> infos;

  // The numbers in it: the scalar, the elements of the vector, or every sample of the matrix; none of a string.
  std::vector<double> numbers() const;
  // No number that is not NaN.
  bool no_data() const;
  // One line for a person: 0.0123, or {route="/pay"} 0.2, {route="/"} 0 and 3 more.
  std::string text(size_t most_elements = 5) const;
};

}  // namespace ordeal::promql
