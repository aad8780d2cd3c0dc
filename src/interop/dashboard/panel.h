// Panels: what a dashboard about an experiment shows, before it becomes Grafana's JSON: what is watched and nothing
// else. One for each query of the expectations, one for each objective, and what Ordeal says of itself
// (report/run_metrics.h). Where there is neither experiment nor objective, four usual ones: error rate, p95 latency,
// circuit breaker state, active pods. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/input/experiment.h"
#include "interop/slo/openslo.h"

namespace ordeal::dashboard {

struct PanelQuery {
  std::string expr;    // printed from its tree
  std::string legend;  // "{{pod}}", or a text
};

enum class PanelKind { kTimeSeries, kStateTimeline, kStat };

// A colour from a value on, as Grafana's thresholds and mappings have it.
struct Step {
  std::optional<double> from;  // none: from minus infinity
  std::string colour;
};
struct Mapping {
  double value;
  std::string text, colour;
};

struct Panel {
  std::string title;
  std::string description;
  PanelKind kind = PanelKind::kTimeSeries;
  std::string unit = "short";  // Grafana's name: percentunit, s, short
  std::vector<PanelQuery> queries;
  std::vector<Step> steps;
  std::vector<Mapping> mappings;
};

// Expectations come first, then objectives, then Ordeal's own.
std::vector<Panel> panels_for(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos);

}  // namespace ordeal::dashboard
