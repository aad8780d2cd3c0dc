// run in a cluster: creates the Experiment, follows it to its end, and keeps its record on this host, too. The
// controller hosts the run: this program may die, and the run goes on and is recorded all the same.
#include <fmt/format.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/cli/cluster/cluster_commands.h"
#include "app/cli/cluster/objects.h"
#include "app/cli/cluster/pump.h"
#include "app/cli/cluster/records.h"
#include "app/cli/cluster/run/follower.h"
#include "app/cli/cluster/run/submit.h"
#include "app/cli/commands.h"
#include "app/cli/experiment/progress.h"
#include "app/cli/record/write_report.h"
#include "app/cli/signals.h"
#include "core/base/io/output.h"
#include "core/base/random.h"
#include "core/json/hide.h"
#include "platform/host/paths.h"

namespace ordeal::cli {
namespace {

using Kind = kube::ApiFailure::Kind;

constexpr Nanos kTakenUpWithin = 10s;
constexpr int kMostNames = 4;  // tried, when somebody else's Experiment has the name

struct Made {
  std::string namespace_, name, uid;
  std::string text() const { return namespace_ + "/" + name; }
};

// First without doing it: what the server refuses is bad input, and nothing was made.
Result<Made> create(const Connection& to, Submission submission) {
  std::string first = submission.name();
  for (int tries = 0;; ++tries) {
    auto answer = submit(to, submission, true);
    if (answer) answer = submit(to, submission, false);
    if (answer) return Made{submission.namespace_, submission.name(), text_at(*answer, "metadata.uid")};
    if (answer.error().kind != Kind::kAlreadyExists || tries + 1 == kMostNames)
      return tl::unexpected(error_of(answer.error(), "cannot create the Experiment in " + submission.namespace_));
    submission.object["metadata"].get_object()["name"] = first;
    submission.add_suffix(Random::fresh_seed());
  }
}

struct Watched {
  const ExperimentOptions& options;
  const Connection& to;
  const Made& made;
  int signals;
};

// A run as a person sees it, and what a person can do to it.
class Attended {
 public:
  Attended(const Watched& watched, Progress& progress)
      : watched_(watched),
        progress_(progress),
        follower_(*watched.to.client, watched.made.namespace_, watched.made.name,
                  {[this](const RunEvent& event) { take(event); },
                   [this](const std::string& text) { progress_.warn(text); }}) {}

  // False: nobody has taken it up, or a signal came before.
  bool wait_for_controller() {
    pump(
        *watched_.to.client, follower_.mirrors(),
        [this] { return follower_.taken_up() || follower_.finished() || signalled(); }, boot_now() + kTakenUpWithin,
        watched_.signals);
    return follower_.taken_up() || follower_.finished();
  }
  // Until its end, or until a person leaves.
  void attend() {
    if (stopped_) ask_to_stop();
    while (!follower_.finished() && !left_)
      pump(
          *watched_.to.client, follower_.mirrors(), [this] { return turn(); }, boot_now() + 1s, watched_.signals);
  }

  // What it ends with stands at the end of its events, also where the cluster could not say it any more.
  void close(const Verdict& verdict) {
    if (events_.empty() || as<events::Ended>(events_.back())) return;
    RunEvent event = events_.back();
    ++event.seq;
    event.data = events::Ended{verdict};
    take(event);
  }

  bool stopped() const { return stopped_; }
  bool left() const { return left_; }
  const Follower& follower() const { return follower_; }
  const std::vector<RunEvent>& events() const { return events_; }

 private:
  bool signalled() {
    signalfd_siginfo info{};
    while (::read(watched_.signals, &info, sizeof info) == sizeof info) {
      left_ = stopped_;
      stopped_ = true;
      why_ = ::strsignal(static_cast<int>(info.ssi_signo));
    }
    return stopped_;
  }

  bool turn() {
    bool before = stopped_;
    if (signalled() && !before) ask_to_stop();
    if (!events_.empty()) progress_.refresh(boot_now() + ahead_);
    return follower_.finished() || left_;
  }

  void ask_to_stop() {
    progress_.show("asking the controller to halt the run; Ctrl-C once more leaves it at once");
    auto request = halt_request(watched_.made.namespace_, watched_.made.name, why_);
    watched_.to.client->send(std::move(request), [this](kube::Answer<json::Value> answer) {
      if (!answer) progress_.warn(error_of(answer.error(), "cannot halt the run").message());
    });
  }

  // Its times are of another machine's clock: the newest says best how far that is ahead of ours.
  void take(const RunEvent& said) {
    RunEvent event = without_secrets(said);
    Nanos ahead = event.boot - boot_now();
    ahead_ = events_.empty() ? ahead : std::max(ahead_, ahead);
    events_.push_back(event);
    progress_.show(event);
  }

  const Watched& watched_;
  Progress& progress_;
  std::vector<RunEvent> events_;  // without secrets
  Nanos ahead_{0};
  bool stopped_ = false, left_ = false;
  std::string why_;
  Follower follower_;
};

// Nobody waits for it any more, so nobody may begin it later.
Error take_back(const Watched& watched, Error error) {
  auto gone =
      kube::ask(*watched.to.client,
                kube::remove(kube::kExperiments, {watched.made.namespace_, watched.made.name}, watched.made.uid));
  if (gone || gone.error().kind == Kind::kNotFound) {
    error.hint += (error.hint.empty() ? "" : "; ") +
                  fmt::format("the Experiment {} was deleted again, so nothing stays", watched.made.text());
  } else {
    error.what +=
        fmt::format("; the Experiment {} stays, and a controller that comes later would run it", watched.made.text());
    error.hint = fmt::format("kubectl -n {} delete experiment {}", watched.made.namespace_, watched.made.name);
  }
  return error;
}

ExitCode leave_unbegun(const Watched& watched, const Attended& attended) {
  bool stopped = attended.stopped();
  Error error{Errc::kNotInjected,
              fmt::format("no controller has taken up the Experiment {} within 10 s", watched.made.text()), 0,
              "is Ordeal installed there? `ordeal install` says what is missing", nullptr};
  if (!attended.follower().seen())
    error = {Errc::kNotInjected, "the API server has told nothing of the Experiment for 10 s", 0, "", nullptr};
  if (stopped) error = {Errc::kNotInjected, "stopped before a controller had taken it up", 0, "", nullptr};
  ExitCode code = print_error(take_back(watched, std::move(error)));
  return stopped ? ExitCode::kHalted : code;
}

ExitCode leave_running(const Watched& watched, const Follower& follower) {
  const std::string& run = follower.status().run;
  const std::string& space = watched.made.namespace_;
  print_to_error("ordeal: left before the run was seen to end: it is not known what is in force\n");
  if (run.empty()) print_to_error("  kubectl -n {} delete experiment {} ends it\n", space, watched.made.name);
  if (!run.empty())
    print_to_error("  `ordeal halt --cluster -n {} {}` ends it, `ordeal report --cluster -n {} {}` tells of it\n",
                   space, run, space, run);
  return ExitCode::kInconclusive;
}

// What the record says last, unless the status, which the controller alone writes, says something else.
Verdict verdict_of(const Follower& follower, const std::vector<RunEvent>& events) {
  const cluster::ExperimentStatus& status = follower.status();
  auto said = outcome_in_status(status.verdict);
  const auto* ended = events.empty() ? nullptr : as<events::Ended>(events.back());
  if (ended && (!said || *said == ended->verdict.outcome)) return ended->verdict;
  if (follower.gone())
    return {Outcome::kHalted, "the Experiment was deleted during the run, which ends everything that it had in force",
            "the agents revert by themselves; `kubectl get injections -A` shows what is left"};
  return {said.value_or(Outcome::kError), status.reason, ""};
}

// It was never begun: no record, no report.
ExitCode tell_refusal(const Watched& watched, const Follower& follower, const Verdict& verdict) {
  const cluster::ExperimentStatus& status = follower.status();
  const cluster::Condition* admitted = cluster::find_condition(status.conditions, "Admitted");
  std::string why = !verdict.reason.empty() ? verdict.reason : admitted ? admitted->message : "no reason was given";
  print_to_error("ordeal: {}: {}\n", to_text(verdict.outcome), why);
  print_to_error("  nothing was injected; the Experiment {} stays with what became of it\n", watched.made.text());
  return status.exit ? exit_code_from(*status.exit).value_or(ExitCode::kInternal) : exit_code_of(verdict.outcome);
}

// It ran, and nobody here may read its record.
ExitCode tell_status(const Follower& follower, const Verdict& verdict) {
  print("{}: {}\n", to_text(verdict.outcome), verdict.reason);
  print_to_error("ordeal: the record of the run {} could not be read: there is no report\n", follower.status().run);
  return exit_code_of(verdict.outcome);
}

// On this host, so that `ordeal report last` works. The cluster's own is the one that counts.
Result<> keep(const ExperimentOptions& options, const store::RecordedRun& recorded, const std::vector<RunEvent>& events,
              const Verdict& verdict) {
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  TRY_VOID(paths.make());
  TRY_VOID(paths.check_private());
  store::Store store = TRY(store::Store::open(paths.record()));
  Nanos started = TRY(parse_rfc3339(recorded.row.started));
  auto hidden = [](const json::Value& value) { return json::without_secrets(value, hidden_in_output()); };
  TRY_VOID(store.begin_run(
      {recorded.row.id, recorded.row.name, started, hidden(recorded.experiment), hidden(recorded.plan)}));
  for (const RunEvent& event : events) TRY_VOID(store.append(event));
  return store.finish_run(recorded.row.id, verdict);
}

ExitCode write_reports(const std::vector<RunEvent>& events, std::vector<ReportFile>& reports) {
  ExitCode code = ExitCode::kHeld;
  for (ReportFile& report : reports) {
    auto text = render_report(events, report.format);
    Result<> written = text ? report.file.write(*text) : tl::unexpected(text.error());
    if (!written) code = stronger(code, stronger(print_error(written.error()), ExitCode::kInternal));
  }
  return code;
}

ExitCode tell_end(const Watched& watched, Attended& attended, Progress& progress, std::vector<ReportFile>& reports) {
  const Follower& follower = attended.follower();
  Verdict verdict = verdict_of(follower, attended.events());
  if (!follower.record() && !follower.status().run.empty()) return tell_status(follower, verdict);
  if (!follower.record()) return tell_refusal(watched, follower, verdict);
  attended.close(verdict);
  if (auto kept = keep(watched.options, *follower.record(), attended.events(), verdict); !kept)
    progress.warn("the run is not in the record of this host: " + kept.error().message());
  ExitCode code = write_reports(attended.events(), reports);
  progress.finish(follower.record()->row.id, verdict, attended.events());
  return stronger(exit_code_of(verdict.outcome), code);
}

Result<ExitCode> run_there(const ExperimentOptions& options) {
  std::vector<ReportFile> reports = TRY(prepare_reports(options.reports));
  session::Prepared prepared = TRY(read_for_cluster(options));
  Connection to = TRY(connect(options.where));
  if (!options.quiet) print_to_error("ordeal: {}\n", to.where());
  UniqueFd signals = TRY(take_signals());
  Made made = TRY(create(to, TRY(make_submission(prepared, options, to.namespace_))));
  Progress progress(options, prepared.warnings);
  progress.show(fmt::format("created the Experiment {}", made.text()));
  Watched watched{options, to, made, signals.get()};
  Attended attended(watched, progress);
  if (!attended.wait_for_controller()) return leave_unbegun(watched, attended);
  attended.attend();
  if (attended.left()) return leave_running(watched, attended.follower());
  return tell_end(watched, attended, progress, reports);
}

}  // namespace

ExitCode run_in_cluster(const ExperimentOptions& options) {
  auto code = run_there(options);
  return code ? *code : print_error(code.error());
}

}  // namespace ordeal::cli
