#include "report/run_metrics.h"

#include "report/summary.h"

namespace ordeal::report {
namespace {

constexpr Phase kPhases[] = {Phase::kCheck,  Phase::kBefore, Phase::kInject, Phase::kDuring,
                             Phase::kRevert, Phase::kAfter,  Phase::kDone};

}  // namespace

metrics::Gauge& RunMetrics::impacts() {
  return registry_.gauge("ordeal_impacts_active", "Impacts in force.", {{"attack", attack_}});
}

void RunMetrics::on_run(const json::Object& data) {
  experiment_ = text_of(data, "name");
  if (const json::Value* attack = data.if_contains("attack"); attack && attack->is_object())
    attack_ = text_of(attack->get_object(), "type");
  impacts().set(0);
  registry_.gauge("ordeal_halt_latched", "Whether the halt latch has ended the run.").set(0);
}

void RunMetrics::on_phase(const json::Object& data) {
  Phase now = phase_of(data);
  for (Phase phase : kPhases)
    registry_
        .gauge("ordeal_run_phase", "1 for the phase that the run is in.",
               {{"experiment", experiment_}, {"phase", to_text(phase)}})
        .set(phase == now ? 1 : 0);
}

void RunMetrics::on_reading(const json::Object& data) {
  metrics::LabelPairs labels{{"expectation", text_of(data, "name")}};
  if (auto value = number_of(data, "value"))
    registry_.gauge("ordeal_expectation_value", "What the last look gave.", labels).set(*value);
  Reading reading = reading_of(data);
  if (reading == Reading::kHolds || reading == Reading::kBreached)
    registry_.gauge("ordeal_expectation_holds", "Whether the last look held.", labels)
        .set(reading == Reading::kHolds ? 1 : 0);
  if (auto closeness = number_of(data, "closeness"))
    registry_.gauge("ordeal_trigger_closeness", "What is counted, over its bound.", labels).set(*closeness);
}

void RunMetrics::apply(const RunEvent& event) {
  const json::Object& data = event.data;
  if (event.type == "run") on_run(data);
  if (event.type == "phase") on_phase(data);
  if (event.type == "reading") on_reading(data);
  if (event.type == "inject") impacts().add(1);
  if (event.type == "reverted") {
    impacts().add(-1);
    registry_.counter("ordeal_reverts_total", "Impacts that ended.", {{"result", text_of(data, "result")}}).add();
  }
  if (event.type == "breach")
    registry_
        .counter("ordeal_breaches_total", "Breaches of expectations.",
                 {{"expectation", text_of(data, "name")}, {"trigger", text_of(data, "trigger")}})
        .add();
  if (event.type == "halt" && text_of(data, "by") == "latch")
    registry_.gauge("ordeal_halt_latched", "Whether the halt latch has ended the run.").set(1);
}

}  // namespace ordeal::report
