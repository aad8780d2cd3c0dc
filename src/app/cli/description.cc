#include "app/cli/description.h"

#include <CLI/CLI.hpp>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/cluster/connection.h"
#include "app/cli/commands.h"
#include "app/cli/manual/exits.h"
#include "app/cli/version.h"

namespace ordeal::cli {
namespace {

void add_state_dir(CLI::App* command, std::string& state_dir) {
  command
      ->add_option("--state-dir", state_dir,
                   "Keep all state in DIR instead of /var/lib/ordeal, for tests; runs in other state directories are "
                   "not seen, and the "
                   "host's latch binds here, too")
      ->type_name("DIR");
}

// A cluster is only ever meant where somebody says so: a kubeconfig that lies about is no reason.
void add_cluster(CLI::App* command, ClusterOptions& where) {
  command->add_flag("--cluster", where.current, "In the cluster of the kubeconfig's current context, not on this host");
  command->add_option("--context", where.context, "In the cluster of this context of the kubeconfig")
      ->type_name("NAME");
  command
      ->add_option("--kubeconfig", where.kubeconfig,
                   "In the cluster of this kubeconfig; default: $KUBECONFIG, then "
                   "~/.kube/config")
      ->type_name("FILE");
  command->add_option("-n,--namespace", where.namespace_, "The namespace in the cluster")->type_name("NAME");
}

void add_release(CLI::App* command, ClusterOptions& where) {
  command
      ->add_option("--release-namespace", where.release, "Where Ordeal is installed, if it is not found by its labels")
      ->type_name("NAME");
}

// There where a cluster is named, else here.
template <typename There, typename Here>
ExitCode choose(const ClusterOptions& where, There there, Here here) {
  if (auto fits = check_where(where); !fits) return print_error(fits.error());
  return where.asked() ? there() : here();
}

void add_watching(CLI::App* command, session::RunOptions& options) {
  command->add_option("experiment", options.experiment, "The experiment, JSON or YAML; - for standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--set", options.set, "Set a field of the experiment, such as attack.args.delay=5s; repeatable")
      ->type_name("FIELD=VALUE");
  command->add_option("--length", options.length, "How long the fault is in force")->type_name("DURATION");
  command->add_option("--expect", options.expect, "Additional expectations and sources")->type_name("FILE");
  command->add_option("--arg", options.args, "An argument for the Argo file given with --expect; repeatable")
      ->type_name("NAME=VALUE");
  command->add_option("--prometheus", options.prometheus, "Query this Prometheus instead of scraping")
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  command->add_flag("--json", options.json, "One JSON object per line instead of text");
}

void add_experiment(CLI::App* command, ExperimentOptions& options) {
  add_watching(command, options);
  command->add_option("--inventory", options.inventory, "Which processes and containers represent pods and labels")
      ->type_name("FILE");
  command
      ->add_option("--policy", options.policies,
                   "Blast radius, protection and caps, in addition to /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  command->add_flag("--no-rollback", options.no_rollback, "Do not roll back the deployment after a breach");
  add_state_dir(command, options.state_dir);
  add_cluster(command, options.where);
}

// Each command has options of its own: CLI11 fills in the environment for every command, also for those that are not
// called, so what two of them shared would let a variable win over a flag.
template <typename Options>
void give(CLI::App* command, Choice& choice, std::shared_ptr<Options> options, ExitCode (*function)(const Options&)) {
  command->callback([&choice, options, function] { choice.code = function(*options); });
}

constexpr const char* kCheckFooter =
    "Queries and probes are evaluated until each has a first value, or until it is clear that none comes. Nothing is\n"
    "injected, and the target need not be there.";

void add_run(CLI::App& app, Choice& choice) {
  CLI::App* check = app.add_subcommand("check", "Evaluate each expectation once, without a fault, and print its value");
  auto checked = std::make_shared<session::RunOptions>();
  add_watching(check, *checked);
  check->footer(kCheckFooter);
  give(check, choice, checked, check_command);

  CLI::App* plan =
      app.add_subcommand("plan", "Show the victims, the rules and each step with its undo. Changes nothing");
  auto planned = std::make_shared<ExperimentOptions>();
  add_experiment(plan, *planned);
  add_release(plan, planned->where);
  give(
      plan, choice, planned, +[](const ExperimentOptions& o) {
        return choose(
            o.where, [&] { return plan_in_cluster(o); }, [&] { return plan_command(o); });
      });

  CLI::App* run = app.add_subcommand("run", "Baseline, inject, watch, revert, recover, verdict");
  auto options = std::make_shared<ExperimentOptions>();
  add_experiment(run, *options);
  run->add_option("--report", options->reports,
                  "Write the report there too: .html, .json, .xml (JUnit), .md or .txt; checked before the attack")
      ->type_name("FILE");
  run->add_option("--listen", options->listen, "Serve PromQL and /metrics during the run, for Grafana")
      ->type_name("ADDRESS:PORT");
  run->add_option("--token-file", options->token_file, "Require this bearer token; mandatory off loopback")
      ->type_name("FILE");
  run->add_flag("-q,--quiet", options->quiet, "Print the verdict only");
  give(
      run, choice, options, +[](const ExperimentOptions& o) {
        return choose(
            o.where, [&] { return run_in_cluster(o); }, [&] { return run_command(o); });
      });
}

struct Flags {
  std::string state_dir, run, reason, type, file, prometheus;
  size_t limit = 20;
  bool json = false;
  ClusterOptions where;
};

// A command with Flags of its own; `call` is what it does with them.
template <typename Call>
std::pair<CLI::App*, Flags&> add_command(CLI::App& app, Choice& choice, const char* name, const char* what, Call call) {
  CLI::App* command = app.add_subcommand(name, what);
  auto flags = std::make_shared<Flags>();
  command->callback([flags, &choice, call] { choice.code = call(*flags); });
  return {command, *flags};
}

void add_json(CLI::App* command, Flags& flags) { command->add_flag("--json", flags.json, "Print JSON"); }

constexpr const char* kHaltFooter =
    "Root, and members of the group `ordeal`, halt every run of this host, whoever started it and wherever it keeps\n"
    "its state; other users halt their own. With --state-dir: the runs that keep their state in DIR. The latch binds\n"
    "the same runs, until root (or the owner of DIR) says `ordeal resume`. docs/halting.md has it all.";

void add_safety(CLI::App& app, Choice& choice) {
  auto [halt, halting] = add_command(app, choice, "halt",
                                     "Halt all runs and start none until `ordeal resume`; with RUN, halt only that run",
                                     [](const Flags& f) {
                                       return choose(
                                           f.where, [&] { return halt_in_cluster(f.where, f.run, f.reason, f.json); },
                                           [&] { return halt_command(f.state_dir, f.run, f.reason, f.json); });
                                     });
  halt->add_option("run", halting.run, "Halt only this run, without engaging the latch")->type_name("RUN");
  halt->add_option("--reason", halting.reason, "The reason, for the record")->type_name("TEXT");
  add_json(halt, halting);
  add_state_dir(halt, halting.state_dir);
  add_cluster(halt, halting.where);
  halt->footer(kHaltFooter);

  auto [resume, resuming] = add_command(app, choice, "resume", "Release the halt latch", [](const Flags& f) {
    return choose(
        f.where, [&] { return resume_in_cluster(f.where); }, [&] { return resume_command(f.state_dir); });
  });
  add_state_dir(resume, resuming.state_dir);
  add_cluster(resume, resuming.where);

  auto [revert, reverting] = add_command(app, choice, "revert", "Undo what a dead run left behind (normally nothing)",
                                         [](const Flags& f) { return revert_command(f.state_dir, f.json); });
  add_json(revert, reverting);
  add_state_dir(revert, reverting.state_dir);

  auto [verify, verifying] =
      add_command(app, choice, "verify-clean", "Show what is left of the last run, and what else has changed",
                  [](const Flags& f) { return verify_clean_command(f.state_dir, f.json); });
  add_json(verify, verifying);
  add_state_dir(verify, verifying.state_dir);
}

void add_report(CLI::App& app, Choice& choice) {
  CLI::App* report = app.add_subcommand("report", "The report of a run, or one page over all runs");
  auto options = std::make_shared<ReportOptions>();
  report->add_option("run", options->run, "The run's id, a prefix of it, or \"last\"")->type_name("RUN");
  report->add_flag("--all", options->all, "One page over all runs; it links each report RUN.html that lies beside it");
  report
      ->add_option("--format", options->format,
                   "html, json, junit, md or text; without it as FILE ends, text on a terminal, else html")
      ->check(CLI::IsMember({"html", "json", "junit", "md", "text"}));
  report->add_option("-o,--output", options->output, "Write to FILE instead of the terminal")->type_name("FILE");
  add_state_dir(report, options->state_dir);
  add_cluster(report, options->where);
  give(
      report, choice, options, +[](const ReportOptions& o) {
        return choose(
            o.where, [&] { return report_in_cluster(o); }, [&] { return report_command(o); });
      });
}

constexpr const char* kInstallFooter =
    "The cluster is that of the kubeconfig's current context unless another is named. Nothing is changed; each line\n"
    "that begins with -> is what to do next. docs/kubernetes-cli.md has all commands on clusters.";

void add_looking(CLI::App& app, Choice& choice) {
  auto [doctor, examined] =
      add_command(app, choice, "doctor", "Show what this machine can inject, how, and what is missing",
                  [](const Flags& f) { return doctor_command(f.state_dir, f.json); });
  add_json(doctor, examined);
  add_state_dir(doctor, examined.state_dir);

  auto [install, installed] =
      add_command(app, choice, "install", "Show what a cluster allows, and what Ordeal lacks there",
                  [](const Flags& f) { return install_command(f.where, f.json); });
  add_json(install, installed);
  add_cluster(install, installed.where);
  add_release(install, installed.where);
  install->footer(kInstallFooter);

  auto [attacks, shown] = add_command(app, choice, "attacks", "The attacks and their arguments",
                                      [](const Flags& f) { return attacks_command(f.type, f.json); });
  attacks->add_option("type", shown.type, "Describe one attack in full")->type_name("TYPE");
  add_json(attacks, shown);

  auto [list, listed] =
      add_command(app, choice, "list", "The runs of this host, or of a cluster, newest first", [](const Flags& f) {
        return choose(
            f.where, [&] { return list_in_cluster(f.where, f.limit, f.json); },
            [&] { return list_command(f.state_dir, f.limit, f.json); });
      });
  list->add_option("--limit", listed.limit, "Maximum number of runs")->capture_default_str();
  add_json(list, listed);
  add_state_dir(list, listed.state_dir);
  add_cluster(list, listed.where);

  add_report(app, choice);
}

constexpr const char* kTargetsFooter =
    "Each has a line to paste into an experiment, which `ordeal plan` then explains:\n"
    "  target: {type: systemd, name: nginx}       a unit, with everything in it\n"
    "  target: {type: container, name: redis}     by name with Docker or Podman, by id with any engine\n"
    "  target: {type: container, cgroup: /shop}   everything in a cgroup\n"
    "  target: {type: process, name: haproxy}     each process with that name; limit with percentage or count\n"
    "  target: {type: host}                       this machine\n"
    "Protected entries are never hit and have no line. Run as root to see all names and entries.\n"
    "docs/targets.md says what an attack on each of them reaches.";

void add_targets(CLI::App& app, Choice& choice) {
  CLI::App* targets =
      app.add_subcommand("targets", "List what can be targeted here, each with its `target:` line for an experiment");
  auto options = std::make_shared<TargetsOptions>();
  targets
      ->add_option("words", options->words,
                   "Only entries with these words in their kind, name, cgroup, engine or programs")
      ->type_name("WORDS");
  targets->add_option("--policy", options->policies, "What is protected, in addition to /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  targets->add_flag("--json", options->json, "One JSON object per line instead of text");
  targets->footer(kTargetsFooter);
  give(targets, choice, options, targets_command);
}

constexpr const char* kInitFooter =
    "  ordeal init nginx --metrics http://127.0.0.1:8000/metrics -o first.yaml\n"
    "  ordeal init --list                    the templates, and what each is for\n"
    "  ordeal init slow-database             one of them\n"
    "  ordeal init --attack latency          for a target to be filled in later";

void add_init(CLI::App& app, Choice& choice) {
  CLI::App* init =
      app.add_subcommand("init", "Write a commented experiment: on something that runs here, or a template");
  auto options = std::make_shared<InitOptions>();
  init->add_option("target", options->target,
                   "What to attack, by its name in `ordeal targets` (\"host\" is this host), or a template")
      ->type_name("TARGET|TEMPLATE");
  init->add_flag("--list", options->list, "Print the templates");
  init->add_option("--attack", options->attack, "The attack; by default one that suits the target")->type_name("NAME");
  init->add_option("--metrics", options->metrics, "A metrics page on which to find expectations")->type_name("URL");
  init->add_option("-o,--output", options->output, "Write to FILE instead of the terminal")->type_name("FILE");
  init->add_flag("--force", options->force, "Overwrite FILE if it exists");
  init->add_option("--policy", options->policies, "What is protected, in addition to /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  init->footer(kInitFooter);
  give(init, choice, options, init_command);
}

void add_scrape(CLI::App& app, Choice& choice) {
  CLI::App* scrape = app.add_subcommand("scrape", "Scrape targets and serve PromQL, for Grafana and promtool");
  auto options = std::make_shared<ScrapeOptions>();
  scrape->add_option("urls", options->urls, "Pages in the text or OpenMetrics format")->required()->type_name("URL");
  scrape->add_option("--interval", options->interval, "Time between scrapes, 100ms to 1m")->capture_default_str();
  scrape->add_option("--keep", options->keep, "How long samples are kept (in memory only)")->capture_default_str();
  scrape->add_option("--job", options->job, "The job label of the scraped series")->capture_default_str();
  scrape->add_option("--token-file", options->token_file, "Require this bearer token; mandatory off loopback")
      ->type_name("FILE");
  scrape->add_option("--listen", options->listen, "Address to serve queries on")
      ->capture_default_str()
      ->type_name("ADDRESS:PORT");
  give(scrape, choice, options, scrape_command);
}

void add_access(CLI::App* command, std::string& kubeconfig, std::string& context) {
  command->add_option("--kubeconfig", kubeconfig, "Which cluster; default: that of the pod it runs in")
      ->type_name("FILE");
  command->add_option("--context", context, "A context of the kubeconfig")->type_name("NAME");
}

void add_installed(CLI::App& app, Choice& choice) {
  CLI::App* controller = app.add_subcommand("controller", "Host the Experiments of a cluster (started by the chart)");
  auto options = std::make_shared<ControllerOptions>();
  controller->add_option("--namespace", options->namespace_, "Where its Lease and its agents are")
      ->capture_default_str()
      ->type_name("NAME");
  controller->add_option("--name", options->name, "What it is called in the Lease, unique")
      ->required()
      ->type_name("NAME");
  controller->add_option("--scope", options->scope, "cluster, or namespace: watch that alone, and inject nothing")
      ->capture_default_str();
  controller->add_option("--policy-configmap", options->policy, "The policy, key config.yaml")
      ->required()
      ->type_name("NAMESPACE/NAME");
  controller->add_flag("--rollback", options->rollback, "Experiments may have a rollback");
  controller->add_option("--keep", options->keep, "How many records of each namespace are kept")->capture_default_str();
  controller->add_option("--agents", options->agents, "Labels of the agents' pods; empty does not ask for them")
      ->capture_default_str()
      ->type_name("LABELS");
  controller->add_option("--listen", options->listen, "Answer /healthz and /readyz there")->type_name("ADDRESS:PORT");
  add_access(controller, options->kubeconfig, options->context);
  give(controller, choice, options, controller_command);

  CLI::App* drain = app.add_subcommand("drain", "End every run of a cluster before Ordeal is uninstalled");
  auto draining = std::make_shared<DrainCommandOptions>();
  drain->add_option("--namespace", draining->namespace_, "Of the controller")->capture_default_str()->type_name("NAME");
  drain->add_option("--deployment", draining->deployment, "The controller's, ended once all is reverted")
      ->type_name("NAME");
  drain->add_option("--within", draining->within, "How long it may take")->capture_default_str()->type_name("DURATION");
  add_access(drain, draining->kubeconfig, draining->context);
  give(drain, choice, draining, drain_command);
}

void add_budget(CLI::App& app, Choice& choice) {
  auto [budget, flags] = add_command(app, choice, "budget", "What is left of an error budget, and how fast it burns",
                                     [](const Flags& f) { return budget_command(f.file, f.prometheus, f.json); });
  budget->add_option("slo", flags.file, "SLOs in the OpenSLO format")->required()->type_name("FILE");
  budget->add_option("--prometheus", flags.prometheus, "The Prometheus with the history of the whole window")
      ->required()
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  budget->add_flag("--json", flags.json, "One JSON object per line instead of text");
}

void add_observability(CLI::App& app, Choice& choice) {
  auto add = [&](const char* name, const char* what, ExitCode (*command)(const ObservabilityOptions&)) {
    CLI::App* one = app.add_subcommand(name, what);
    auto options = std::make_shared<ObservabilityOptions>();
    one->add_option("experiment", options->experiment, "The experiment; without one, the standard panels")
        ->type_name("FILE");
    one->add_option("--expect", options->expect, "Additional expectations")->type_name("FILE");
    one->add_option("--slo", options->slo, "SLOs in the OpenSLO format; default: the experiment's budget.slo")
        ->type_name("FILE");
    one->add_option("-o,--output", options->output, "Write to FILE instead of the terminal")->type_name("FILE");
    give(one, choice, options, command);
  };
  add("dashboard", "A Grafana dashboard: what the experiment watches, with its phases shaded", dashboard_command);
  add("rules", "Prometheus alerting rules: the expectations, the error budgets, and Ordeal itself", rules_command);
}

void add_argo(CLI::App& app, Choice& choice) {
  CLI::App* lint = app.add_subcommand(
      "lint", "Traps and mistakes in every file that Ordeal reads: Argo Rollouts' and OpenSLO's, and its own");
  auto linted = std::make_shared<AnalysisOptions>();
  lint->add_option("files", linted->files, "Read together, so that a Rollout finds its templates")
      ->required()
      ->type_name("FILE");
  lint->add_flag("--json", linted->json, "One JSON object per finding");
  lint->callback([linted, &choice] { choice.code = lint_command(linted->files, linted->json); });

  CLI::App* analysis = app.add_subcommand("analysis", "Run an Argo AnalysisTemplate against a Prometheus");
  auto options = std::make_shared<AnalysisOptions>();
  analysis->add_option("files", options->files, "Rollouts, AnalysisTemplates, AnalysisRuns")
      ->required()
      ->type_name("FILE");
  analysis->add_option("--template", options->templates, "The template to run, if the files hold several; repeatable")
      ->type_name("NAME");
  analysis->add_option("--arg", options->args, "An argument's value; repeatable")->type_name("NAME=VALUE");
  analysis->add_option("--prometheus", options->prometheus, "Query this Prometheus instead of the files' address")
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  analysis->add_flag("--strict", options->strict, "Exactly as Argo: never compare a vector as a number");
  analysis->add_flag("--json", options->json, "One JSON object per line instead of text");
  give(analysis, choice, options, analysis_command);
}

constexpr const char* kAgentFooter =
    "Started by the chart on each node. It carries out the Injections of its node through guards, and reverts each "
    "when\n"
    "the API server says so, or says nothing for the length of a lease.";

void add_agent(CLI::App& app, Choice& choice) {
  CLI::App* agent = app.add_subcommand("agent", "Carry out the injections of one node of a cluster");
  auto flags = std::make_shared<AgentFlags>();
  agent->add_option("--node", flags->node, "The name of this node")->required()->type_name("NAME");
  agent->add_option("--namespace", flags->namespace_, "Ordeal's own namespace, in which nothing is ever hit")
      ->required()
      ->type_name("NAME");
  agent->add_option("--name", flags->name, "The name of the agent's pod; default: the host's name")->type_name("NAME");
  agent->add_option("--policy-configmap", flags->policy, "The ConfigMap with the policy")
      ->required()
      ->type_name("NAMESPACE/NAME");
  agent->add_option("--kubeconfig", flags->kubeconfig, "Use this file instead of the pod's service account")
      ->type_name("FILE");
  add_state_dir(agent, flags->state_dir);
  agent->footer(kAgentFooter);
  give(agent, choice, flags, agent_command);
}

void add_manual(CLI::App& app, Choice& choice) {
  CLI::App* help = app.add_subcommand("help", "What a command does, its options and its exit codes");
  auto helped = std::make_shared<HelpOptions>();
  help->add_option("command", helped->command, "The command; without one, the program")->type_name("COMMAND");
  help->add_flag("--man", helped->man, "Print a man page, for `man -l -`");
  help->add_option("--write", helped->write, "Write all man pages and completions to this directory")->group("");
  help->callback([&app, helped, &choice] { choice.code = help_command(app, *helped); });

  auto [docs, shown] =
      add_command(app, choice, "docs", "The pages on formats, attacks, targets and safety; without a topic, list them",
                  [](const Flags& f) { return docs_command(f.file, f.json); });
  docs->add_option("topic", shown.file, "The page to print, such as targets or policy")->type_name("TOPIC");
  docs->add_flag("--json", shown.json, "Print the list as JSON");

  CLI::App* completion = app.add_subcommand("completion", "A completion script: source <(ordeal completion bash)");
  auto completed = std::make_shared<CompletionOptions>();
  completion->add_option("shell", completed->shell, "bash, zsh or fish")->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->add_option("--values", completed->values, "What can be completed now")
      ->check(CLI::IsMember({"runs", "live-runs", "topics"}))
      ->group("");
  completion->callback([&app, completed, &choice] { choice.code = completion_command(app, *completed); });
}

constexpr const char* kFirstSteps =
    "First steps: ordeal doctor; ordeal targets; ordeal plan experiment.yaml; ordeal run experiment.yaml";

// Each command says which exit codes it has, below what else it says.
void add_exit_codes(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    std::string own = command->get_footer();
    command->footer(own + (own.empty() ? "" : "\n\n") + exits_text(command->get_name()));
  }
  app.footer(exits_text("") + "\n\n" + kFirstSteps);  // last, since commands inherit it
}

}  // namespace

std::unique_ptr<CLI::App> describe(Choice& choice) {
  auto app = std::make_unique<CLI::App>(
      "Ordeal proves that a system survives: it injects a fault, watches, reverts, and says what was learned.",
      "ordeal");
  app->set_version_flag("--version", version_text());
  app->require_subcommand(1);
  for (auto add : {add_run, add_safety, add_looking, add_targets, add_init, add_scrape, add_budget, add_observability,
                   add_argo, add_agent, add_installed, add_manual})
    add(*app, choice);
  add_exit_codes(*app);
  return app;
}

}  // namespace ordeal::cli
