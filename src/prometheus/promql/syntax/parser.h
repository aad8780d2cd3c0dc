// Text to syntax tree: the whole classic grammar of Prometheus 3.x, types checked. At most 64 KiB and 100 levels deep.
// Errors are kInvalidInput and name the column (from 1; the line too when there are several), what was expected and
// what was found; kUnsupported names what is experimental in Prometheus or needs native histograms. What parses can be
// evaluated.
#pragma once

#include <string_view>

#include "prometheus/promql/syntax/ast.h"

namespace ordeal::promql {

Result<ExprPtr> parse(std::string_view query);

}  // namespace ordeal::promql
