// The commands of `ordeal`, one function each. They print, and return the exit code (model/exit_code.h).
#pragma once

#include <string>
#include <vector>

#include "app/cli/options.h"
#include "core/json/value.h"
#include "core/model/run/exit_code.h"
#include "run/session/run_options.h"

namespace CLI {
class App;
}

namespace ordeal::cli {

// Each expectation looked at once, without a fault: 0 all hold, 1 one does not, 4 one has no data.
ExitCode check_command(const session::RunOptions& options);
ExitCode plan_command(const session::RunOptions& options);
ExitCode run_command(const session::RunOptions& options);
// `run_id` "" engages the latch and ends everything; else it ends that run only. Returns once nothing is in force any
// more, or with what still is.
ExitCode halt_command(const std::string& state_dir, const std::string& run_id, const std::string& reason, bool json);
ExitCode resume_command(const std::string& state_dir);
ExitCode revert_command(const std::string& state_dir, bool json);
ExitCode verify_clean_command(const std::string& state_dir, bool json);
ExitCode doctor_command(const std::string& state_dir, bool json);
// What can be hit here. 2 when nothing is called like the words.
ExitCode targets_command(const TargetsOptions& options);
// Writes an experiment to begin with. 2 when nothing is called so, or the file is there already.
ExitCode init_command(const InitOptions& options);
// Scrapes and answers PromQL until a signal.
ExitCode scrape_command(const ScrapeOptions& options);
// 1 when a budget is spent.
ExitCode budget_command(const std::string& file, const std::string& prometheus, bool json);
// A Grafana dashboard, Prometheus rules.
ExitCode dashboard_command(const ObservabilityOptions& options);
ExitCode rules_command(const ObservabilityOptions& options);
// Argo's files, and Ordeal's own experiments and expectations.
ExitCode lint_command(const std::vector<std::string>& files, bool json);
// Runs an AnalysisTemplate against a Prometheus until its end or a signal.
ExitCode analysis_command(const AnalysisOptions& options);
// Hosts the Experiments of a cluster until a signal.
ExitCode controller_command(const ControllerOptions& options);
// Ends every run of a cluster, before Ordeal is taken out of it. 6 names what hangs.
ExitCode drain_command(const DrainCommandOptions& options);
ExitCode list_command(const std::string& state_dir, size_t limit, bool json);
// The report of a run, or the page of all runs.
ExitCode report_command(const ReportOptions& options);
ExitCode attacks_command(const std::string& type, bool json);
// The program of a node of a cluster, until a signal.
ExitCode agent_command(const AgentFlags& flags);
// `app` is the description (description.h) that the help is read off.
ExitCode help_command(const CLI::App& app, const HelpOptions& options);
ExitCode completion_command(const CLI::App& app, const CompletionOptions& options);
// Prints an installed page; without a topic, their list.
ExitCode docs_command(const std::string& topic, bool json);

// One line. Secrets in it are hidden.
void print_json(const json::Value& value);
// Prints "ordeal: message" and the hint, once, and returns the error's exit code.
ExitCode print_error(const Error& error);
// The same where a run that is not there is a wrong argument, and no verdict.
ExitCode print_bad_run(const Error& error);

}  // namespace ordeal::cli
