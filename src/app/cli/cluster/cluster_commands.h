// The commands on a cluster, one function each (docs/kubernetes-cli.md). Each says first which cluster it is about.
#pragma once

#include "app/cli/options.h"
#include "core/model/run/exit_code.h"

namespace ordeal::cli {

ExitCode plan_in_cluster(const ExperimentOptions& options);
// Creates the Experiment, follows it to its end and keeps its record on this host, too.
ExitCode run_in_cluster(const ExperimentOptions& options);
// `run` "" engages the Halt; else that run is ended. Returns once every agent has reverted, or with those that have
// not.
ExitCode halt_in_cluster(const ClusterOptions& where, const std::string& run, const std::string& reason, bool json);
ExitCode resume_in_cluster(const ClusterOptions& where);
ExitCode list_in_cluster(const ClusterOptions& where, size_t limit, bool json);
ExitCode report_in_cluster(const ReportOptions& options);
// What the cluster allows, and what is missing.
ExitCode install_command(const ClusterOptions& where, bool json);

}  // namespace ordeal::cli
