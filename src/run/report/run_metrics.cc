#include "run/report/run_metrics.h"

namespace ordeal::report {
namespace {

constexpr Phase kPhases[] = {Phase::kCheck,  Phase::kBefore, Phase::kInject, Phase::kDuring,
                             Phase::kRevert, Phase::kAfter,  Phase::kDone};

}  // namespace

metrics::Gauge& RunMetrics::impacts(const std::string& part) {
  auto type = types_.find(part);
  return registry_.gauge("ordeal_impacts_active", "Impacts in force.",
                         {{"attack", type == types_.end() ? attack_ : type->second}});
}

void RunMetrics::on(const events::Run& run) {
  experiment_ = run.name;
  attack_ = run.attack.type;
  for (const events::Part& part : run.parts) types_[part.name] = part.attack;
  if (types_.empty()) impacts("").set(0);
  for (const auto& [part, type] : types_) impacts(part).set(0);
  registry_.gauge("ordeal_halt_latched", "Whether the halt latch has ended the run.").set(0);
}

void RunMetrics::on(const events::PhaseBegun& begun) {
  for (Phase phase : kPhases)
    registry_
        .gauge("ordeal_run_phase", "1 for the phase that the run is in.",
               {{"experiment", experiment_}, {"phase", to_text(phase)}})
        .set(phase == begun.phase ? 1 : 0);
}

void RunMetrics::on(const events::Look& look) {
  metrics::LabelPairs labels{{"expectation", look.name}};
  if (look.value) registry_.gauge("ordeal_expectation_value", "What the last look gave.", labels).set(*look.value);
  if (look.reading == Reading::kHolds || look.reading == Reading::kBreached)
    registry_.gauge("ordeal_expectation_holds", "Whether the last check held.", labels)
        .set(look.reading == Reading::kHolds ? 1 : 0);
  if (look.closeness)
    registry_.gauge("ordeal_trigger_closeness", "The raw counts behind the query, relative to their bound.", labels)
        .set(*look.closeness);
}

void RunMetrics::on(const events::Injected& injected) { impacts(injected.part).add(1); }

void RunMetrics::on(const events::Reverted& reverted) {
  impacts(reverted.part).add(-1);
  registry_.counter("ordeal_reverts_total", "Impacts that ended.", {{"result", to_text(reverted.result)}}).add();
}

void RunMetrics::on(const events::Breach& breach) {
  registry_
      .counter("ordeal_breaches_total", "Breaches of expectations.",
               {{"expectation", breach.name}, {"trigger", breach.trigger}})
      .add();
}

void RunMetrics::on(const events::Halt& halt) {
  if (halt.by == "latch") registry_.gauge("ordeal_halt_latched", "Whether the halt latch has ended the run.").set(1);
}

void RunMetrics::apply(const RunEvent& event) {
  std::visit([this](const auto& data) { on(data); }, event.data);
}

}  // namespace ordeal::report
