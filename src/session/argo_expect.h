// An Argo file for --expect (argo/check/expectations.h), put into an experiment: its metrics are added to the
// expectations; its address and the abort of its Rollout count where neither a flag nor a file of Ordeal's says other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "json/yaml.h"
#include "session/prepare.h"

namespace ordeal::session {

// Of --arg NAME=VALUE.
Result<std::map<std::string, std::string>> read_args(const std::vector<std::string>& given);

bool is_argo_file(const std::vector<json::Document>& documents);
// Errors begin with the file's name.
Result<> expect_argo(const RunOptions& options, const std::vector<json::Document>& documents, Prepared& prepared);

}  // namespace ordeal::session
