// Text to syntax tree: the whole classic grammar of Prometheus 3.x, types checked. At most 64 KiB and 100 levels deep.
// Errors are kInvalidInput and name the column (from 1; the line too when there are several), what was expected and
// what was found. What is experimental in Prometheus is refused by its name.
#pragma once

#include <string_view>

#include "promql/syntax/ast.h"

namespace ordeal::promql {

Result<ExprPtr> parse(std::string_view query);
// Fails with kUnsupported and the feature's name when the evaluator cannot do something in it yet.
Result<> check_supported(const Expr& expr);
// Both: for a query in a file, which must be refused when the file is loaded and never when it is needed.
Result<ExprPtr> load(std::string_view query);

}  // namespace ordeal::promql
