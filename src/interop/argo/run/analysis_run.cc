#include "interop/argo/run/analysis_run.h"

#include <algorithm>

#include "interop/argo/check/validation.h"
#include "interop/argo/run/schedule.h"

namespace ordeal::argo {

Result<AnalysisRun> AnalysisRun::create(const Flattened& spec, Mode mode) {
  AnalysisRun run(mode);
  for (const MetricTemplate& metric : spec.metrics) run.metrics_.push_back(TRY(resolve_metric(metric, spec.args)));
  TRY_VOID(validate_metrics(run.metrics_));
  auto dry_run = TRY(matching(spec.dry_run, run.metrics_, "dryRun"));
  run.kept_ = TRY(retention_of(spec.retention, run.metrics_));
  for (const Metric& metric : run.metrics_) {
    MetricResult result;
    result.name = metric.name;
    result.dry_run = dry_run.count(metric.name) != 0;
    result.query = metric.prometheus.query;
    run.results_.push_back(std::move(result));
  }
  return run;
}

RunActions AnalysisRun::start(Nanos now) { return handle(now, Wake{}); }

RunActions AnalysisRun::handle(Nanos now, const RunEvent& event) {
  if (finished()) return {};
  if (const auto* measured = std::get_if<Measured>(&event)) take(now, *measured);
  if (std::holds_alternative<Terminate>(event)) {
    terminate_ = true;
    for (MetricResult& result : results_) result.in_flight = false;
  }
  if (std::holds_alternative<Wake>(event) && !waiting()) begin_due(now);
  if (!waiting()) settle(now);
  return std::exchange(out_, {});
}

bool AnalysisRun::waiting() const {
  return std::any_of(results_.begin(), results_.end(), [](const MetricResult& result) { return result.in_flight; });
}

void AnalysisRun::begin_due(Nanos now) {
  ScheduleState state{started_, is_terminating(results_, terminate_)};
  for (size_t i = 0; i < metrics_.size(); ++i) {
    if (!is_due(metrics_[i], results_[i], state, now)) continue;
    results_[i].in_flight = true;
    out_.push_back(Measure{i});
  }
}

void AnalysisRun::take(Nanos now, const Measured& event) {
  MetricResult& result = results_.at(event.metric);
  if (!result.in_flight) return;
  Measurement measurement = event.measurement;
  measurement.finished = mode_ == Mode::kStrict ? std::chrono::floor<seconds>(now) : now;
  result.in_flight = false;
  take_in(result, std::move(measurement), kept_[event.metric]);
}

void AnalysisRun::settle(Nanos now) {
  if (!started_) started_ = mode_ == Mode::kStrict ? std::chrono::floor<seconds>(now) : now;
  bool was_terminating = is_terminating(results_, terminate_);
  RunAssessment assessment = assess_run({metrics_, results_, terminate_});
  // What a metric's end means for its siblings shows in the next reconciliation, which follows at once.
  if (!was_terminating && is_terminating(results_, terminate_))
    assessment = assess_run({metrics_, results_, terminate_});
  phase_ = assessment.phase;
  message_ = assessment.message;
  if (finished()) out_.push_back(Finished{phase_, message_});
}

std::optional<Nanos> AnalysisRun::next_wake() const {
  if (finished() || waiting()) return std::nullopt;
  ScheduleState state{started_, is_terminating(results_, terminate_)};
  std::optional<Nanos> earliest;
  for (size_t i = 0; i < metrics_.size(); ++i) {
    auto due = next_due(metrics_[i], results_[i], state);
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  return earliest;
}

}  // namespace ordeal::argo
