// Runs the evaluations of one script against Ordeal's PromQL and compares as upstream does.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "conformance/script.h"

namespace ordeal::conformance {

struct Failure {
  int line = 0;
  std::string query;  // in the form that failed
  std::string what;
};

struct Report {
  int passed = 0;
  int forms = 0;                       // queries asked for these, multiplied forms included
  std::map<std::string, int> skipped;  // by reason
  std::vector<Failure> failures;

  int applicable() const { return passed + static_cast<int>(failures.size()); }
  void add(const Report& other);
};

// `multiplied`: each instant query also in its `@` and range forms.
Report run_script(const std::vector<Command>& commands, bool multiplied);

}  // namespace ordeal::conformance
