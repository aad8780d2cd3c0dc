#include "app/cli/argo/analysis_output.h"

#include <fmt/format.h>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/text.h"
#include "interop/argo/check/lint_metric.h"
#include "interop/argo/effect/rollout_effect.h"

namespace ordeal::cli {
namespace {

using argo::Metric;
using argo::MetricResult;

void print_line(json::Object object) {
  print_json(json::Value(std::move(object)));
  push_output();
}

std::string schedule_of(const Metric& metric) {
  auto count = argo::effective_count(metric);
  if (!count) return fmt::format("every {} until Ctrl-C or its end", metric.interval);
  if (*count == 1) return "once";
  return fmt::format("{} times, every {}", *count, metric.interval);
}

std::string conditions_of(const Metric& metric) {
  std::string text;
  if (!metric.success_condition.empty()) text += "success: " + metric.success_condition;
  if (!metric.failure_condition.empty()) text += (text.empty() ? "" : ", ") + ("failure: " + metric.failure_condition);
  return text.empty() ? "no condition: always Successful" : text;
}

json::Object summary_of(const MetricResult& result, const std::vector<std::string>& secrets) {
  std::string query = argo::redact(std::string(trim(result.query)), secrets);
  return {{"name", result.name},       {"phase", to_text(result.phase)},
          {"message", result.message}, {"dry_run", result.dry_run},
          {"count", result.count},     {"successful", result.successful},
          {"failed", result.failed},   {"inconclusive", result.inconclusive},
          {"error", result.error},     {"metadata", json::Object{{"ResolvedPrometheusQuery", query}}}};
}

// What the Rollout does then, one sentence each.
std::vector<std::string> consequences(const argo::Analysis& analysis, const argo::AnalysisRun& run) {
  if (!analysis.rollout) return {};
  argo::Reaction reaction = argo::reaction_to(analysis.kind, run.phase(), run.message());
  std::string name = "the Rollout " + analysis.rollout->name;
  if (reaction.reaction == argo::RolloutReaction::kGoOn) return {name + " would go on"};
  if (reaction.reaction == argo::RolloutReaction::kPause) return {name + " would pause (" + reaction.reason + ")"};
  std::vector<std::string> sentences{name + " would abort: " + reaction.reason};
  for (const std::string& sentence : argo::abort_effect(*analysis.rollout)) sentences.push_back(sentence);
  return sentences;
}

}  // namespace

std::vector<std::string> doubts(const argo::AnalysisRun& run) {
  std::vector<std::string> notes;
  for (const MetricResult& result : run.results())
    if (run.phase() == argo::Phase::kSuccessful && !result.dry_run && result.successful == 0)
      notes.push_back(fmt::format("\"{}\" was never Successful: {} measurements, {} errors", result.name,
                                  result.count + result.error, result.error));
  return notes;
}

std::string AnalysisOutput::hide_secrets(const std::string& text) const { return argo::redact(text, spec_.secrets); }

void AnalysisOutput::begin(const argo::AnalysisRun& run) const {
  for (const std::string& name : spec_.dropped)
    print_to_error("ordeal: warning: no template has an argument \"{}\"; it is dropped\n", name);
  if (options_.json) return;
  print("Analysis  {} ({})\n", analysis_.name, options_.strict ? "strict" : "compat");
  for (size_t i = 0; i < run.metrics().size(); ++i) {
    const Metric& metric = run.metrics()[i];
    std::string line = fmt::format("{}: {}, {}", metric.name, schedule_of(metric), conditions_of(metric));
    print("Metric    {}{}\n", hide_secrets(line), run.results()[i].dry_run ? " (dry run)" : "");
  }
  push_output();
}

void AnalysisOutput::measured(const argo::AnalysisRun& run, size_t index, const argo::Measurement& measurement,
                              Nanos now) {
  const Metric& metric = run.metrics()[index];
  if (measurement.unwrapped) warn_of_unwrapping(metric);
  if (options_.json) {
    json::Object object{{"type", "measurement"},      {"time", rfc3339(now)},
                        {"metric", metric.name},      {"phase", to_text(measurement.phase)},
                        {"value", measurement.value}, {"message", measurement.message}};
    json::Array warnings;
    for (const std::string& warning : measurement.warnings) warnings.push_back(json::Value(hide_secrets(warning)));
    if (!warnings.empty()) object["metadata"] = json::Object{{"warnings", std::move(warnings)}};
    return print_line(std::move(object));
  }
  std::string clock = rfc3339(now).substr(11, 8);
  print("{}  {}  {:<12}  {}{}\n", clock, metric.name, to_text(measurement.phase), measurement.value,
        measurement.message);
  for (const std::string& warning : measurement.warnings) print("          {}\n", hide_secrets(warning));
  push_output();
}

void AnalysisOutput::warn_of_query(const argo::Metric& metric, const Error& error) const {
  print_to_error("ordeal: warning: Ordeal cannot read the query of {} (the Prometheus may): {}\n", metric.name,
                 hide_secrets(error.message()));
}

void AnalysisOutput::warn_of_unwrapping(const Metric& metric) {
  if (!warned_.insert(metric.name).second) return;
  bool success = !metric.success_condition.empty() &&
                 argo::index_bare_results(metric.success_condition) != metric.success_condition;
  const std::string& text = success ? metric.success_condition : metric.failure_condition;
  const char* field = success ? "successCondition" : "failureCondition";
  print_to_error(
      "ordeal: warning: {} \"{}\" of {} compares a vector with a number: its only element is used here; Argo itself "
      "makes every measurement an Error (--strict); write {}: {}\n",
      field, hide_secrets(text), metric.name, field, hide_secrets(argo::index_bare_results(text)));
}

void AnalysisOutput::end(const argo::AnalysisRun& run) const {
  std::vector<std::string> sentences = consequences(analysis_, run), notes = doubts(run);
  std::string message = hide_secrets(run.message());
  if (options_.json) {
    json::Array metrics, then, doubted;
    for (const std::string& note : notes) doubted.push_back(json::Value(note));
    for (const MetricResult& result : run.results()) metrics.push_back(summary_of(result, spec_.secrets));
    for (const std::string& sentence : sentences) then.push_back(json::Value(hide_secrets(sentence)));
    return print_line({{"type", "end"},
                       {"phase", to_text(run.phase())},
                       {"message", message},
                       {"metrics", std::move(metrics)},
                       {"notes", std::move(doubted)},
                       {"rollout", std::move(then)}});
  }
  print("{}{}{}\n", to_text(run.phase()), message.empty() ? "" : ": ", message);
  for (const std::string& note : notes) print("  note: {}\n", note);
  for (const std::string& sentence : sentences) print("  {}\n", hide_secrets(sentence));
}

}  // namespace ordeal::cli
