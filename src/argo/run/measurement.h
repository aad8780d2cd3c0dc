// Measurement: from what a query gave to a phase and a printed value. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "argo/objects/metric.h"
#include "argo/run/phase.h"
#include "base/clock.h"
#include "promql/eval/result.h"

namespace ordeal::argo {

struct Measurement {
  Phase phase = Phase::kError;
  std::string value;    // as Argo prints it: "10", "[0.5,NaN]", "[]"
  std::string message;  // why it is an Error
  std::vector<std::string> warnings;
  bool unwrapped = false;         // compat: in strict it were an Error
  Nanos started{0}, finished{0};  // since the Unix epoch
};

// What the metric's conditions say of the answer. `now` is for now() in a condition.
Measurement measure(const Metric& metric, const promql::QueryResult& answer, Mode mode, Nanos now);
// The provider could not be asked, or gave no answer.
Measurement failed_measurement(std::string message);

// How a query is asked. The environment's address is used where the metric has none.
struct Question {
  std::string address;
  std::string query;
  Nanos timeout{0};
  struct Range {
    Nanos start{0}, end{0}, step{0};
  };
  std::optional<Range> range;
};
Result<Question> question_of(const Metric& metric, const std::string& environment_address, Nanos now);

}  // namespace ordeal::argo
