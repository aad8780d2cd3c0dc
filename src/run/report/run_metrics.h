// RunMetrics: the events of a run as metrics, for /metrics and the dashboards of `ordeal dashboard`:
//   ordeal_run_phase{experiment,phase}                   1 for the phase that the run is in, else 0
//   ordeal_impacts_active{attack}                        impacts in force
//   ordeal_reverts_total{result}                         clean, failed
//   ordeal_halt_latched                                  1 once the latch has ended the run
//   ordeal_expectation_value{expectation}                what its last look gave (the worst element)
//   ordeal_expectation_holds{expectation}                1 holds, 0 violated; absent without data
//   ordeal_trigger_closeness{expectation}                what is counted beside the query, over its bound
//   ordeal_breaches_total{expectation,trigger}
// A pure projection of events; the registry must outlive it.
#pragma once

#include <map>

#include "core/model/run/run_event.h"
#include "prometheus/metrics/registry.h"

namespace ordeal::report {

class RunMetrics {
 public:
  explicit RunMetrics(metrics::Registry& registry) : registry_(registry) {}
  void apply(const RunEvent& event);

 private:
  void on(const events::Run& run);
  void on(const events::PhaseBegun& begun);
  void on(const events::Look& look);
  void on(const events::Injected& injected);
  void on(const events::Reverted& reverted);
  void on(const events::Breach& breach);
  void on(const events::Halt& halt);
  void on(const auto&) {}  // the others say nothing that is measured
  metrics::Gauge& impacts(const std::string& part);

  metrics::Registry& registry_;
  std::string experiment_, attack_;
  std::map<std::string, std::string> types_;  // of the attacks of several, by their names
};

}  // namespace ordeal::report
