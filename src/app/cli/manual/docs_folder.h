// The pages that are installed with the program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace ordeal::cli {

struct DocsPage {
  std::string topic;  // "targets", "formats/policy"
  std::string title;
  std::filesystem::path path;
};

// By topic. kInternal where the pages were not installed.
Result<std::vector<DocsPage>> docs_pages();

}  // namespace ordeal::cli
