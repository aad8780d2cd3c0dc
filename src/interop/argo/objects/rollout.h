// Rollout: what of an Argo Rollout concerns its analysis and what a rollback does: the strategy, its steps, and the
// background, inline, pre- and post-promotion analyses. The rest (template, selector, trafficRouting, …) is accepted
// unread, but for whether it is there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interop/argo/objects/template.h"

namespace ordeal::argo {

struct RolloutAnalysis {
  std::vector<TemplateRef> templates;
  std::vector<Argument> args;
  std::vector<MetricRule> dry_run, retention;
  int64_t starting_step = 0;  // of a background analysis
  json::Origin origin;
};

struct CanaryStep {
  // "setWeight", "pause", "experiment" or "analysis", beside which any of setCanaryScale, setHeaderRoute,
  // setMirrorRoute and plugin may stand; one of these where it stands without a kind. "several" kinds and "" are Argo's
  // errors.
  std::string kind;
  std::optional<int64_t> weight;
  std::optional<json::Value> pause;  // its duration as written: seconds, or a Go duration; none is for ever
  std::optional<RolloutAnalysis> analysis;
  json::Origin origin;
};

struct WorkloadRef {
  std::string kind, name;
};

struct Rollout {
  std::string name;
  std::string namespace_;
  bool generated_name = false;  // generateName: only the beginning of a name
  bool canary = false;
  bool blue_green = false;
  std::vector<CanaryStep> steps;
  std::optional<RolloutAnalysis> background, pre_promotion, post_promotion;
  bool traffic_routing = false;
  bool dynamic_stable_scale = false;
  int64_t max_weight = 100;
  std::optional<int64_t> abort_scale_down_delay;  // seconds
  bool has_selector = false, has_template = false;
  std::optional<WorkloadRef> workload;
  json::Value object;  // the whole, for valueFrom.fieldRef
  std::string file;    // that it stands in, for findings
  json::Origin origin;
};

Result<Rollout> decode_rollout(const json::Document& document);

// The length of a pause, in whole seconds as Argo counts it: nothing is for ever, an Error is one that Argo refuses.
Result<std::optional<Nanos>> pause_length(const CanaryStep& step);

}  // namespace ordeal::argo
