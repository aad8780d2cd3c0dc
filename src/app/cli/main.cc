// ordeal: the command line. This file reads it and calls one function of commands.h.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <sstream>

#include "app/cli/commands.h"
#include "core/base/io/output.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
#include "core/json/reader.h"

namespace {

using namespace ordeal;
using namespace ordeal::cli;

struct Choice {
  ExitCode code = ExitCode::kHeld;
};

void add_state_dir(CLI::App* command, std::string& state_dir) {
  command
      ->add_option("--state-dir", state_dir,
                   "Keep all state below DIR instead of /var/lib/ordeal, for tests: runs elsewhere are not seen")
      ->type_name("DIR");
}

void add_watching(CLI::App* command, session::RunOptions& options) {
  command->add_option("experiment", options.experiment, "The experiment, JSON or YAML; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--set", options.set, "A field of the experiment, such as attack.args.delay=5s; may be repeated")
      ->type_name("FIELD=VALUE");
  command->add_option("--length", options.length, "How long the fault is in force")->type_name("DURATION");
  command->add_option("--expect", options.expect, "Expectations and sources, when the experiment has none")
      ->type_name("FILE");
  command->add_option("--arg", options.args, "An argument of the Argo file of --expect; may be repeated")
      ->type_name("NAME=VALUE");
  command->add_option("--prometheus", options.prometheus, "Ask this Prometheus instead of scraping")
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  command->add_flag("--json", options.json, "One JSON object per line instead of text");
}

void add_experiment(CLI::App* command, session::RunOptions& options) {
  add_watching(command, options);
  command->add_option("--inventory", options.inventory, "Which processes and containers stand for pods and labels")
      ->type_name("FILE");
  command
      ->add_option("--policy", options.policies, "Blast radius, protection and caps, besides /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  command->add_flag("--no-rollback", options.no_rollback, "Do nothing to the deployment after a breach");
  add_state_dir(command, options.state_dir);
}

// Each command has options of its own: CLI11 fills in the environment for every command, also for those that are not
// called, so what two of them shared would let a variable win over a flag.
template <typename Options>
void give(CLI::App* command, Choice& choice, std::shared_ptr<Options> options, ExitCode (*function)(const Options&)) {
  command->callback([&choice, options, function] { choice.code = function(*options); });
}

constexpr const char* kCheckFooter =
    "Queries and probes are asked until each has a first value, or until it is clear that none comes. Nothing is\n"
    "injected, and the target need not be there.\n\n"
    "Exit codes: 0 all hold, 1 one does not hold, 2 bad input, 4 one has no data.";

void add_run(CLI::App& app, Choice& choice) {
  CLI::App* check = app.add_subcommand("check", "Look at each expectation once, without a fault, and print its value");
  auto checked = std::make_shared<session::RunOptions>();
  add_watching(check, *checked);
  check->footer(kCheckFooter);
  give(check, choice, checked, check_command);

  CLI::App* plan =
      app.add_subcommand("plan", "Show the victims, the rules and each step with its undo. Touches nothing");
  auto planned = std::make_shared<session::RunOptions>();
  add_experiment(plan, *planned);
  give(plan, choice, planned, plan_command);

  CLI::App* run = app.add_subcommand("run", "Baseline, inject, watch, revert, recover, verdict");
  auto options = std::make_shared<session::RunOptions>();
  add_experiment(run, *options);
  run->add_option("--report", options->reports,
                  "Write the report there too: .html, .json, .xml (JUnit) or .md; checked before the attack")
      ->type_name("FILE");
  run->add_option("--listen", options->listen, "Answer PromQL and /metrics there while it runs, for Grafana")
      ->type_name("ADDRESS:PORT");
  run->add_option("--token-file", options->token_file, "The bearer token to ask for there; needed off loopback")
      ->type_name("FILE");
  run->add_flag("-q,--quiet", options->quiet, "Print the verdict only");
  give(run, choice, options, run_command);
}

struct Flags {
  std::string state_dir, run, reason, format = "html", output, type, file, prometheus;
  size_t limit = 20;
  bool json = false;
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

void add_safety(CLI::App& app, Choice& choice) {
  auto [halt, halting] =
      add_command(app, choice, "halt", "End everything and start nothing until `ordeal resume`; with RUN, end that run",
                  [](const Flags& f) { return halt_command(f.state_dir, f.run, f.reason, f.json); });
  halt->add_option("run", halting.run, "End this run only, without the latch")->type_name("RUN");
  halt->add_option("--reason", halting.reason, "Why, for the record")->type_name("TEXT");
  add_json(halt, halting);
  add_state_dir(halt, halting.state_dir);

  auto [resume, resuming] = add_command(app, choice, "resume", "Release the halt latch",
                                        [](const Flags& f) { return resume_command(f.state_dir); });
  add_state_dir(resume, resuming.state_dir);

  auto [revert, reverting] =
      add_command(app, choice, "revert", "Undo what an earlier, dead process left (normally nothing)",
                  [](const Flags& f) { return revert_command(f.state_dir, f.json); });
  add_json(revert, reverting);
  add_state_dir(revert, reverting.state_dir);

  auto [verify, verifying] = add_command(app, choice, "verify-clean", "Show what differs from before the last run",
                                         [](const Flags& f) { return verify_clean_command(f.state_dir, f.json); });
  add_json(verify, verifying);
  add_state_dir(verify, verifying.state_dir);
}

void add_looking(CLI::App& app, Choice& choice) {
  auto [doctor, examined] =
      add_command(app, choice, "doctor", "What this machine can inject, by which mechanism, and what is missing",
                  [](const Flags& f) { return doctor_command(f.state_dir, f.json); });
  add_json(doctor, examined);
  add_state_dir(doctor, examined.state_dir);

  auto [attacks, shown] = add_command(app, choice, "attacks", "The attacks and their arguments",
                                      [](const Flags& f) { return attacks_command(f.type, f.json); });
  attacks->add_option("type", shown.type, "One attack, in full")->type_name("TYPE");
  add_json(attacks, shown);

  auto [list, listed] = add_command(app, choice, "list", "The runs of this host, newest first",
                                    [](const Flags& f) { return list_command(f.state_dir, f.limit, f.json); });
  list->add_option("--limit", listed.limit, "At most so many")->capture_default_str();
  add_json(list, listed);
  add_state_dir(list, listed.state_dir);

  auto [report, reported] = add_command(app, choice, "report", "The report of a run", [](const Flags& f) {
    return report_command(f.state_dir, f.run, f.format, f.output);
  });
  report->add_option("run", reported.run, "Its id, the beginning of it, or \"last\"")->required()->type_name("RUN");
  report->add_option("--format", reported.format, "html, json, junit or md")
      ->check(CLI::IsMember({"html", "json", "junit", "md"}))
      ->capture_default_str();
  report->add_option("-o,--output", reported.output, "Write there instead of to the terminal")->type_name("FILE");
  add_state_dir(report, reported.state_dir);
}

constexpr const char* kTargetsFooter =
    "Each has a line to paste into an experiment, which `ordeal plan` then explains:\n"
    "  target: {type: systemd, name: nginx}       a unit, with all that runs in it\n"
    "  target: {type: container, name: redis}     of Docker or Podman by name, of any engine by id\n"
    "  target: {type: container, cgroup: /shop}   whatever is in a cgroup\n"
    "  target: {type: process, name: haproxy}     each process of that name; percentage or count take some\n"
    "  target: {type: host}                       this machine\n"
    "What is marked as protected is never hit, and has no line. As root, names are known and nothing is hidden.\n"
    "docs/targets.md says what an attack on each of them reaches.";

void add_targets(CLI::App& app, Choice& choice) {
  CLI::App* targets =
      app.add_subcommand("targets", "What can be hit here, each with its `target:` line for an experiment");
  auto options = std::make_shared<TargetsOptions>();
  targets->add_option("words", options->words, "Only what has this in its kind, name, cgroup, engine or programs")
      ->type_name("WORDS");
  targets->add_option("--policy", options->policies, "Who is protected, besides /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  targets->add_flag("--json", options->json, "One JSON object per line instead of text");
  targets->footer(kTargetsFooter);
  give(targets, choice, options, targets_command);
}

constexpr const char* kInitFooter =
    "  ordeal init nginx --metrics http://127.0.0.1:8000/metrics -o first.yaml\n"
    "  ordeal init --attack latency          for a target that you name later\n\n"
    "Exit codes: 0 written, 2 bad input or FILE is there already, 3 the target is protected.";

void add_init(CLI::App& app, Choice& choice) {
  CLI::App* init = app.add_subcommand("init", "Write a commented experiment on something that is here, to begin with");
  auto options = std::make_shared<InitOptions>();
  init->add_option("target", options->target, "What to attack, by its name in `ordeal targets`; \"host\" is this host")
      ->type_name("TARGET");
  init->add_option("--attack", options->attack, "The attack; one that suits the target when absent")->type_name("NAME");
  init->add_option("--metrics", options->metrics, "A page of metrics on which expectations are found")
      ->type_name("URL");
  init->add_option("-o,--output", options->output, "Write there instead of to the terminal")->type_name("FILE");
  init->add_flag("--force", options->force, "Replace FILE when it is there already");
  init->add_option("--policy", options->policies, "Who is protected, besides /etc/ordeal/policy.yaml")
      ->type_name("FILE")
      ->envname("ORDEAL_POLICY");
  init->footer(kInitFooter);
  give(init, choice, options, init_command);
}

void add_scrape(CLI::App& app, Choice& choice) {
  CLI::App* scrape = app.add_subcommand("scrape", "Scrape targets and answer PromQL, for Grafana and promtool");
  auto options = std::make_shared<ScrapeOptions>();
  scrape->add_option("urls", options->urls, "Pages in the text or OpenMetrics format")->required()->type_name("URL");
  scrape->add_option("--interval", options->interval, "Between two scrapes, 100ms to 1m")->capture_default_str();
  scrape->add_option("--keep", options->keep, "How long a sample is kept, in memory only")->capture_default_str();
  scrape->add_option("--job", options->job, "The label job of what is scraped")->capture_default_str();
  scrape->add_option("--token-file", options->token_file, "The bearer token to ask for; needed off loopback")
      ->type_name("FILE");
  scrape->add_option("--listen", options->listen, "Where queries are answered")
      ->capture_default_str()
      ->type_name("ADDRESS:PORT");
  give(scrape, choice, options, scrape_command);
}

void add_budget(CLI::App& app, Choice& choice) {
  auto [budget, flags] = add_command(app, choice, "budget", "What is left of an error budget, and how fast it burns",
                                     [](const Flags& f) { return budget_command(f.file, f.prometheus, f.json); });
  budget->add_option("slo", flags.file, "SLOs in the OpenSLO format")->required()->type_name("FILE");
  budget->add_option("--prometheus", flags.prometheus, "Where the events of the whole window are known")
      ->required()
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  budget->add_flag("--json", flags.json, "One JSON object per line instead of text");
}

void add_observability(CLI::App& app, Choice& choice) {
  auto add = [&](const char* name, const char* what, ExitCode (*command)(const ObservabilityOptions&)) {
    CLI::App* one = app.add_subcommand(name, what);
    auto options = std::make_shared<ObservabilityOptions>();
    one->add_option("experiment", options->experiment, "What it is about; without one, the usual panels")
        ->type_name("FILE");
    one->add_option("--expect", options->expect, "Expectations, when the experiment has none")->type_name("FILE");
    one->add_option("--slo", options->slo, "SLOs in the OpenSLO format; the experiment's budget.slo when absent")
        ->type_name("FILE");
    one->add_option("-o,--output", options->output, "Write there instead of to the terminal")->type_name("FILE");
    give(one, choice, options, command);
  };
  add("dashboard", "A Grafana dashboard: what the experiment watches, with its phases shaded", dashboard_command);
  add("rules", "Prometheus alerting rules: the expectations, the error budgets, and Ordeal itself", rules_command);
}

void add_argo(CLI::App& app, Choice& choice) {
  CLI::App* lint =
      app.add_subcommand("lint", "Traps and mistakes in Argo Rollouts' files, experiments and expectations");
  auto linted = std::make_shared<AnalysisOptions>();
  lint->add_option("files", linted->files, "Looked at together: a Rollout finds its templates")
      ->required()
      ->type_name("FILE");
  lint->add_flag("--json", linted->json, "One JSON object a finding");
  lint->callback([linted, &choice] { choice.code = lint_command(linted->files, linted->json); });

  CLI::App* analysis = app.add_subcommand("analysis", "Run an Argo AnalysisTemplate against a Prometheus");
  auto options = std::make_shared<AnalysisOptions>();
  analysis->add_option("files", options->files, "Rollouts, AnalysisTemplates, AnalysisRuns")
      ->required()
      ->type_name("FILE");
  analysis->add_option("--template", options->templates, "This one, when the files hold several; may be repeated")
      ->type_name("NAME");
  analysis->add_option("--arg", options->args, "An argument's value; may be repeated")->type_name("NAME=VALUE");
  analysis->add_option("--prometheus", options->prometheus, "Ask this one instead of the files' address")
      ->type_name("URL")
      ->envname("ORDEAL_PROMETHEUS");
  analysis->add_flag("--strict", options->strict, "Exactly as Argo: a vector is never compared as a number");
  analysis->add_flag("--json", options->json, "One JSON object per line instead of text");
  give(analysis, choice, options, analysis_command);
}

constexpr const char* kFooter =
    "Exit codes: 0 held, 1 deviated, 2 bad input, 3 refused by safety, 4 not injected or inconclusive,\n"
    "            5 halted, 6 a revert failed, manual intervention is needed, 7 an error of Ordeal's own.\n\n"
    "First steps: ordeal doctor; ordeal targets; ordeal plan experiment.yaml; ordeal run experiment.yaml";

std::vector<std::string> names(const CLI::App& app) {
  std::vector<std::string> all;
  for (const CLI::App* command : app.get_subcommands({})) all.push_back(command->get_name());
  return all;
}

// The command that was begun: its --help says more than the program's.
std::string begun(const CLI::App& app) {
  auto parsed = app.get_subcommands();
  return parsed.empty() ? "ordeal" : "ordeal " + parsed.front()->get_name();
}

// One precise error; CLI11's own say "a subcommand is required" of a misspelled one.
ExitCode complain(const CLI::App& app, const std::string& first, const std::string& why) {
  std::vector<std::string> known = names(app);
  bool is_command = std::find(known.begin(), known.end(), first) != known.end();
  if (first.empty()) {
    put_error(app.help());
  } else if (!is_command && first.front() != '-') {
    std::string near = json::nearest(first, {known.begin(), known.end()});
    std::string advice = near.empty() ? "known are " + join(known, ", ") : "did you mean \"" + near + "\"?";
    print_to_error("ordeal: there is no command \"{}\"; {}\n", first, advice);
  } else {
    print_to_error("ordeal: {}\n  see `{} --help`\n", why, begun(app));
  }
  return ExitCode::kBadInput;
}

// --help and --version, which CLI11 throws.
ExitCode show_help(const CLI::App& app, const CLI::ParseError& asked) {
  std::ostringstream text;
  app.exit(asked, text, text);
  put_document(text.str());
  return ExitCode::kHeld;
}

// Everybody may read the command line of a process. CLI11 wants the last one first.
std::vector<std::string> take_arguments(int argc, char** argv) {
  std::vector<std::string> taken;
  for (int i = argc - 1; i > 0; --i) {
    std::string& text = taken.emplace_back(argv[i]);
    std::string shown = hide_secrets(text);
    if (shown == text) continue;
    shown.resize(text.size(), '*');
    std::copy(shown.begin(), shown.end(), argv[i]);
  }
  return taken;
}

ExitCode parse_and_run(CLI::App& app, std::vector<std::string> arguments, const Choice& choice) {
  std::string first = arguments.empty() ? "" : arguments.back();
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return show_help(app, error);
    return complain(app, first, error.what());
  } catch (const std::exception& error) {
    print_to_error("ordeal: internal error: {}\n", error.what());
    return ExitCode::kInternal;
  }
  return choice.code;
}

}  // namespace

int main(int argc, char** argv) {
  guard_output();
  CLI::App app("Ordeal proves that a system survives: it injects a fault, watches, reverts, and says what was learned.",
               "ordeal");
  app.set_version_flag("--version", "ordeal " ORDEAL_VERSION);
  app.require_subcommand(1);
  app.footer(kFooter);
  Choice choice;
  for (auto add :
       {add_run, add_safety, add_looking, add_targets, add_init, add_scrape, add_budget, add_observability, add_argo})
    add(app, choice);
  ExitCode code = parse_and_run(app, take_arguments(argc, argv), choice);
  if (!finish_output()) code = stronger(code, ExitCode::kInternal);  // what nobody could read was not said
  return static_cast<int>(code);
}
