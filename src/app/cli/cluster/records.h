// Runs and their records as a cluster keeps them: a run is an Experiment with a status, its record is ConfigMaps that
// its Experiment owns (run/store/cluster_record.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/cluster/connection.h"
#include "run/store/cluster_record.h"

namespace ordeal::cli {

struct FoundRun {
  std::string run;  // "" of one that was never admitted
  std::string namespace_, experiment, name;
  std::string started;  // RFC 3339
  std::string verdict;  // "running", "waiting" before the end
  std::string reason;   // of the verdict
  std::optional<int> exit;
  bool complete = false;
};

FoundRun found_run_of(const json::Value& experiment);
// The newest first; of all namespaces unless one is named, or of the context's for those who may not see all.
Result<std::vector<FoundRun>> find_runs(const Connection& to, const ClusterOptions& where);
// By an id, the beginning of one that only it has, or "last". kNotFound, or kInvalidInput where several are meant.
Result<FoundRun> find_run(const Connection& to, const ClusterOptions& where, const std::string& selector);
// The same among runs that are known, the newest first.
Result<FoundRun> choose_run(const std::vector<FoundRun>& runs, const std::string& selector);

// "ordeal.dev/run=RUN,ordeal.dev/record=true"
std::string record_labels(const std::string& run);
// Of a ConfigMap: its number is at the end of its name.
Result<store::RecordPart> part_of(const json::Value& config_map);
// Of status.verdict, which has "_" for spaces; nothing while there is none.
std::optional<Outcome> outcome_in_status(std::string word);
// The status of an Experiment is the controller's alone, a ConfigMap of its namespace is not: where the two differ in
// how the run ended, the status counts, and the last event says so.
void prefer_status(const FoundRun& run, store::RecordedRun& recorded);
Result<store::RecordedRun> load_record(const Connection& to, const FoundRun& run);

// Asks the controller to end the run of an Experiment, with everything that it has in force.
constexpr const char* kHaltAnnotation = "ordeal.dev/halt";
kube::Request halt_request(const std::string& space, const std::string& experiment, const std::string& reason);

}  // namespace ordeal::cli
