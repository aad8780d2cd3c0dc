// ClusterPlan: what a run of an experiment in a cluster would do, judged by the rules that its controller judges by.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/cli/cluster/plan/facts.h"
#include "app/cli/cluster/plan/words.h"
#include "app/cli/cluster/run/submission.h"
#include "fault/target/cluster/gates.h"
#include "run/session/prepare.h"

namespace ordeal::cli {

struct ClusterPlan {
  session::Prepared prepared;
  Submission submission;
  ClusterFacts facts;
  target::ClusterChoice choice;  // of one that could not be made: who was left out
  std::vector<NodeWork> work;    // by node
  std::vector<Error> refusals;   // each keeps it from starting
  std::vector<std::string> warnings;
  Nanos sample_every{0};

  const Experiment& experiment() const { return prepared.experiment; }
};

// Fails where there is nothing to plan: a bad file, a cluster that does not answer or has no definitions.
Result<ClusterPlan> make_plan(const ExperimentOptions& options, const Connection& to);

}  // namespace ordeal::cli
