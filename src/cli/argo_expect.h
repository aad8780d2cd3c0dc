// An Argo file for --expect (argo/check/expectations.h), put into an experiment: its metrics are added to the
// expectations; its address and the abort of its Rollout count where neither a flag nor a file of Ordeal's says other.
#pragma once

#include <vector>

#include "cli/prepare.h"
#include "json/yaml.h"

namespace ordeal::cli {

bool is_argo_file(const std::vector<json::Document>& documents);
// Errors begin with the file's name.
Result<> expect_argo(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared);

}  // namespace ordeal::cli
