// What `ordeal analysis` prints: for people a line for each measurement, with --json an object for each.
#pragma once

#include <set>
#include <string>

#include "app/cli/options.h"
#include "interop/argo/run/analyses.h"
#include "interop/argo/run/analysis_run.h"

namespace ordeal::cli {

// Argo calls a run Successful that was ended before anything violated a limit, whatever was measured: the metrics of
// which nothing says that they are well.
std::vector<std::string> doubts(const argo::AnalysisRun& run);

class AnalysisOutput {
 public:
  AnalysisOutput(const AnalysisOptions& options, const argo::Analysis& analysis, const argo::RunSpec& spec)
      : options_(options), analysis_(analysis), spec_(spec) {}

  void begin(const argo::AnalysisRun& run) const;
  void measured(const argo::AnalysisRun& run, size_t index, const argo::Measurement& measurement, Nanos now);
  // Its phase, and what the Rollout does then.
  void end(const argo::AnalysisRun& run) const;
  std::string hide_secrets(const std::string& text) const;

  // Of a query that our parser does not know; a Prometheus may.
  void warn_of_query(const argo::Metric& metric, const Error& error) const;

 private:
  void warn_of_unwrapping(const argo::Metric& metric);

  const AnalysisOptions& options_;
  const argo::Analysis& analysis_;
  const argo::RunSpec& spec_;
  std::set<std::string> warned_;  // metrics
};

}  // namespace ordeal::cli
