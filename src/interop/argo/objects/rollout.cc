#include "interop/argo/objects/rollout.h"

#include <fmt/format.h>

#include "core/base/duration.h"
#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

using json::Reader;

Result<RolloutAnalysis> decode_analysis(const Reader& reader, bool background) {
  if (background)
    TRY_VOID(
        reader.only({"templates", "args", "dryRun", "measurementRetention", "analysisRunMetadata", "startingStep"}));
  if (!background)
    TRY_VOID(reader.only({"templates", "args", "dryRun", "measurementRetention", "analysisRunMetadata"}));
  RolloutAnalysis analysis;
  analysis.origin = reader.origin();
  if (auto field = TRY(reader.find("templates"))) analysis.templates = TRY(decode_template_refs(*field));
  if (auto field = TRY(reader.find("args"))) analysis.args = TRY(decode_arguments(*field));
  if (auto field = TRY(reader.find("dryRun"))) analysis.dry_run = TRY(decode_rules(*field, false));
  if (auto field = TRY(reader.find("measurementRetention"))) analysis.retention = TRY(decode_rules(*field, true));
  if (auto field = TRY(reader.find("startingStep"))) analysis.starting_step = TRY(field->integer(INT32_MIN, INT32_MAX));
  return analysis;
}

Result<> decode_pause(const Reader& reader, CanaryStep& step) {
  TRY_VOID(reader.only({"duration"}));
  auto duration = TRY(reader.find("duration"));
  if (!duration) return {};
  if (!duration->value().is_string() && !duration->value().is_int64())
    return duration->expected("whole seconds, or a duration such as 30s");
  step.pause = duration->value();
  return {};
}

Result<CanaryStep> decode_step(const Reader& reader) {
  TRY_VOID(reader.only({"setWeight", "pause", "experiment", "analysis", "setCanaryScale", "setHeaderRoute",
                        "setMirrorRoute", "plugin"}));
  CanaryStep step;
  step.origin = reader.origin();
  int kinds = 0;
  for (const auto& [key, field] : TRY(reader.fields())) {
    // `pause:` with nothing behind it is a pause all the same in people's files, and Argo refuses it.
    if (field.value().is_null()) continue;
    bool is_kind = key == "setWeight" || key == "pause" || key == "experiment" || key == "analysis";
    if (is_kind) step.kind = kinds++ == 0 ? key : "several";
    if (step.kind.empty()) step.kind = key;
    if (key == "setWeight") step.weight = TRY(field.integer(INT32_MIN, INT32_MAX));
    if (key == "pause") TRY_VOID(decode_pause(field, step));
    if (key == "analysis") step.analysis = TRY(decode_analysis(field, false));
  }
  return step;
}

Result<> decode_canary(const Reader& reader, Rollout& rollout) {
  TRY_VOID(reader.only({"canaryService", "stableService", "steps", "trafficRouting", "maxUnavailable", "maxSurge",
                        "analysis", "antiAffinity", "canaryMetadata", "stableMetadata", "scaleDownDelaySeconds",
                        "scaleDownDelayRevisionLimit", "abortScaleDownDelaySeconds", "dynamicStableScale", "pingPong",
                        "minPodsPerReplicaSet", "replicaProgressThreshold"}));
  rollout.canary = true;
  if (auto steps = TRY(reader.find("steps")))
    for (const Reader& item : TRY(steps->items())) rollout.steps.push_back(TRY(decode_step(item)));
  if (auto field = TRY(reader.find("analysis"))) rollout.background = TRY(decode_analysis(*field, true));
  if (auto field = TRY(reader.find("dynamicStableScale"))) rollout.dynamic_stable_scale = TRY(field->boolean());
  if (auto field = TRY(reader.find("abortScaleDownDelaySeconds")))
    rollout.abort_scale_down_delay = TRY(field->integer(0, INT32_MAX));
  auto routing = TRY(reader.find("trafficRouting"));
  if (!routing) return {};
  rollout.traffic_routing = true;
  if (auto field = TRY(routing->find("maxTrafficWeight"))) rollout.max_weight = TRY(field->integer(0, INT32_MAX));
  return {};
}

Result<> decode_blue_green(const Reader& reader, Rollout& rollout) {
  TRY_VOID(reader.only({"activeService", "previewService", "previewReplicaCount", "autoPromotionEnabled",
                        "autoPromotionSeconds", "maxUnavailable", "scaleDownDelaySeconds",
                        "scaleDownDelayRevisionLimit", "prePromotionAnalysis", "antiAffinity", "postPromotionAnalysis",
                        "previewMetadata", "activeMetadata", "abortScaleDownDelaySeconds"}));
  rollout.blue_green = true;
  if (auto field = TRY(reader.find("prePromotionAnalysis")))
    rollout.pre_promotion = TRY(decode_analysis(*field, false));
  if (auto field = TRY(reader.find("postPromotionAnalysis")))
    rollout.post_promotion = TRY(decode_analysis(*field, false));
  if (auto field = TRY(reader.find("abortScaleDownDelaySeconds")))
    rollout.abort_scale_down_delay = TRY(field->integer(0, INT32_MAX));
  return {};
}

Result<> decode_workload(const Reader& spec, Rollout& rollout) {
  rollout.has_selector = TRY(spec.find("selector")).has_value();
  rollout.has_template = TRY(spec.find("template")).has_value();
  auto field = TRY(spec.find("workloadRef"));
  if (!field) return {};
  WorkloadRef workload;
  workload.kind = TRY(TRY(field->at("kind")).text());
  workload.name = TRY(TRY(field->at("name")).text());
  rollout.workload = std::move(workload);
  return {};
}

}  // namespace

Result<Rollout> decode_rollout(const json::Document& document) {
  Reader root(document);
  TRY_VOID(root.only({"apiVersion", "kind", "metadata", "spec", "status"}));
  Rollout rollout;
  ObjectName name = TRY(decode_name(root));
  rollout.name = name.name;
  rollout.namespace_ = name.namespace_;
  rollout.generated_name = name.generated;
  rollout.object = document.value;
  rollout.origin = root.origin();
  Reader spec = TRY(root.at("spec"));
  TRY_VOID(spec.only({"replicas", "selector", "template", "workloadRef", "minReadySeconds", "rollbackWindow",
                      "strategy", "revisionHistoryLimit", "paused", "progressDeadlineSeconds", "progressDeadlineAbort",
                      "restartAt", "analysis"}));
  TRY_VOID(decode_workload(spec, rollout));
  Reader strategy = TRY(spec.at("strategy"));
  TRY_VOID(strategy.only({"canary", "blueGreen"}));
  if (auto field = TRY(strategy.find("canary"))) TRY_VOID(decode_canary(*field, rollout));
  if (auto field = TRY(strategy.find("blueGreen"))) TRY_VOID(decode_blue_green(*field, rollout));
  if (rollout.canary == rollout.blue_green) return strategy.refuse("expected exactly one of canary and blueGreen");
  return rollout;
}

Result<std::optional<Nanos>> pause_length(const CanaryStep& step) {
  if (!step.pause) return std::nullopt;
  auto refuse = [&] {
    return fail(Errc::kInvalidInput, fmt::format("a pause lasts whole seconds or a duration such as 30s, found {}",
                                                 json::write(*step.pause)));
  };
  std::optional<int64_t> whole;
  if (step.pause->is_int64()) whole = step.pause->get_int64();
  std::string text = step.pause->is_string() ? std::string(step.pause->get_string()) : "";
  if (!whole) whole = parse_number<int64_t>(text);
  auto length = whole ? Result<Nanos>(seconds(std::min<int64_t>(*whole, INT32_MAX))) : parse_go_duration(text);
  if (!length || *length < Nanos(0)) return refuse();
  return std::chrono::floor<seconds>(*length);
}

}  // namespace ordeal::argo
