// Syntax tree to text. parse(print(tree)) is same() as the tree.
#pragma once

#include <string>

#include "prometheus/promql/syntax/ast.h"

namespace ordeal::promql {

std::string print(const Expr& expr);

}  // namespace ordeal::promql
