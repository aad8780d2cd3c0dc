// Reports of a run's events in each format, and the format that a file's ending asks for.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/verdict.h"

namespace ordeal::cli {

// `format`: html, json, junit or md.
Result<std::string> render_report(const std::vector<RunEvent>& events, const std::string& format);
// ".html" is html, ".json" json, ".xml" junit, ".md" md.
Result<std::string> format_of(const std::string& file);

}  // namespace ordeal::cli
