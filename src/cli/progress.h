// Progress: what a person, or a program with --json, sees of a run while it goes on.
#pragma once

#include <string>
#include <vector>

#include "cli/options.h"
#include "model/verdict.h"

namespace ordeal::cli {

class Progress {
 public:
  Progress(const RunOptions& options, const std::vector<std::string>& warnings);
  void show(const RunEvent& event);
  void warn(const std::string& text);
  void finish(const Verdict& verdict, const std::string& run_id, const RunOptions& options);

 private:
  bool json_;
  bool quiet_;
};

}  // namespace ordeal::cli
