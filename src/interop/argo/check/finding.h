// Finding: one thing that `ordeal lint` says of a file.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/reader.h"

namespace ordeal::argo {

struct Finding {
  enum class Severity {
    kWarning,  // it is taken, and does not do what its author believes
    kError,    // Argo, or Ordeal, refuses it
  };
  Severity severity = Severity::kWarning;
  std::string file;
  int line = 0;
  std::string field;  // spec.metrics[0].successCondition
  std::string what;   // what is wrong
  std::string argo;   // what Argo does with it; may be empty
  std::string fix;    // what to write instead; may be empty
};

// An error whose message begins with "line 7: spec.x: " as a finding of that place.
Finding finding_of(const std::string& file, const Error& error);

}  // namespace ordeal::argo
