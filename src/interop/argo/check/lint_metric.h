// The rules of lint for one metric. Internal to src/argo/check.
#pragma once

#include <string>
#include <vector>

#include "interop/argo/check/finding.h"
#include "interop/argo/objects/template.h"

namespace ordeal::argo {

// `args` are known values; an argument of the template that has none is replaced by something that lets the rest be
// read.
void lint_metric(const Template& owner, const MetricTemplate& metric, const std::vector<Argument>& args,
                 std::vector<Finding>& findings);

// In parentheses, also where it ends in a comment.
std::string grouped(const std::string& condition);
// `result` where a number is wanted becomes `result[0]`; the text may still hold {{args.…}}.
std::string index_bare_results(std::string_view condition);

}  // namespace ordeal::argo
