// Prepared: an experiment read from its files, checked, and resolved on this host: who would be hit, which rules
// refuse whom, and the steps on each victim. Making one touches nothing; `plan` prints it and `run` runs it.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/packets/exemption.h"
#include "run/session/budget.h"
#include "run/session/parts/part_plan.h"
#include "run/session/run_options.h"

namespace ordeal::session {

struct Prepared {
  Experiment experiment;                // arguments complete, seed set
  json::Value file;                     // the experiment's file with --set, before it was decoded
  json::Value expect_file;              // of --expect, where it is Ordeal's own; else null
  const fault::Fault* fault = nullptr;  // in a cluster, where there is but one attack
  std::vector<Policy> policies;
  std::string inventory;  // the text of the file; "" for none
  fault::Protection protection;
  std::vector<PartPlan> parts;         // one for each attack; on a host
  std::vector<Victim> victims;         // of all attacks, each once
  int64_t candidates = 0;              // for them
  std::vector<fault::Demand> demands;  // of all victims together, each thing once
  std::vector<packets::Exemption> exemptions;
  std::optional<std::string> broken_cap;  // the rule, with what other runs hit now
  std::optional<Error> source_refusal;    // why nothing can be watched now
  std::optional<Error> evidence_refusal;  // why an expectation could not hold, whatever happens
  Nanos sample_every{0};                  // how often the source takes samples, at most
  std::vector<BudgetCheck> budgets;       // of the objectives that the experiment names
  std::optional<Error> budget_refusal;    // why they do not allow it
  std::optional<Error> rollback_refusal;  // why the rollback could not be sent
  std::vector<std::string> notes;         // what was made of an Argo file
  std::vector<std::string> warnings;

  // Nobody is hit: there are neither victims nor plans.
  bool only_looks() const { return parts.size() == 1 && parts.front().fault->info().only_looks; }
  // What the faults could be noticed by.
  std::string at_most() const;
};

// The local ports that the watcher's own connections leave from, so that the fault can leave them alone.
constexpr uint16_t kWatcherFirstPort = 47200;
constexpr uint16_t kWatcherPorts = 200;

// The experiment with the file of --expect, decoded; its arguments are not resolved.
Result<> read_experiment(const RunOptions& options, Prepared& prepared);
// Every condition and query can be judged, in the time that the phases give.
Result<> check_expectations(const Experiment& experiment);
Result<Prepared> prepare(const RunOptions& options);
// Whether an attack acts on packets: Ordeal's own are then let alone.
bool hits_network(const Prepared& prepared);
// What the steps on all victims hold (model/claim.h).
std::vector<std::string> claims_of(const Prepared& prepared);

}  // namespace ordeal::session
