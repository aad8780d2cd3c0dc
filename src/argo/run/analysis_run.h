// AnalysisRun: one run of an AnalysisTemplate's metrics from the first measurement to its phase, as Argo's controller
// does it, as a pure state machine: (now, event) -> actions. Who runs it asks the questions and calls again at
// next_wake(). Times are wall time since the Unix epoch and must not go back.
//
// All metrics that are due are measured side by side, and nothing is begun or judged before the last of them has
// answered. In strict the time of a measurement counts whole seconds, as Kubernetes keeps it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "argo/objects/template.h"
#include "argo/run/arguments.h"
#include "argo/run/assessment.h"
#include "argo/run/measurement.h"

namespace ordeal::argo {

// What comes in.
struct Wake {};
struct Measured {
  size_t metric;
  Measurement measurement;
};
struct Terminate {};  // spec.terminate: what is under way is dropped
using RunEvent = std::variant<Wake, Measured, Terminate>;

// What goes out.
struct Measure {
  size_t metric;
};
struct Finished {
  Phase phase;
  std::string message;
};
using RunAction = std::variant<Measure, Finished>;
using RunActions = std::vector<RunAction>;

class AnalysisRun {
 public:
  // Every argument of the spec needs a value. Fails when a metric cannot be resolved, or Argo would not accept it.
  static Result<AnalysisRun> create(const Flattened& spec, Mode mode);

  RunActions start(Nanos now);
  RunActions handle(Nanos now, const RunEvent& event);
  // When to call handle(Wake) at the latest; nothing while answers are awaited, and at the end.
  std::optional<Nanos> next_wake() const;

  const std::vector<Metric>& metrics() const { return metrics_; }
  const std::vector<MetricResult>& results() const { return results_; }
  bool finished() const { return completed(phase_); }
  Phase phase() const { return phase_; }
  const std::string& message() const { return message_; }
  Mode mode() const { return mode_; }

 private:
  explicit AnalysisRun(Mode mode) : mode_(mode) {}
  void begin_due(Nanos now);
  void take(Nanos now, const Measured& event);
  void settle(Nanos now);
  bool waiting() const;

  Mode mode_;
  std::vector<Metric> metrics_;
  std::vector<MetricResult> results_;
  std::vector<size_t> kept_;
  std::optional<Nanos> started_;
  bool terminate_ = false;
  Phase phase_ = Phase::kPending;
  std::string message_;
  RunActions out_;
};

}  // namespace ordeal::argo
