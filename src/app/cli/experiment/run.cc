// run: the whole way of an experiment. run_experiment() reads as the list of its steps.
#include <fmt/format.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstring>

#include "app/cli/commands.h"
#include "app/cli/experiment/progress.h"
#include "app/cli/experiment/run_events.h"
#include "app/cli/record/write_report.h"
#include "app/cli/safety/fingerprint.h"
#include "app/cli/safety/replay.h"
#include "app/cli/signals.h"
#include "core/base/io/failpoint.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/io/wait.h"
#include "core/json/hide.h"
#include "core/model/run/run_id.h"
#include "platform/host/latch.h"
#include "platform/sys/process/capability.h"
#include "run/report/run_metrics.h"
#include "run/rollback/rollback.h"
#include "run/session/live_api.h"
#include "run/session/local/local_session.h"
#include "run/session/local/look_session.h"
#include "run/store/store.h"

namespace ordeal::cli {
namespace {

// Null without --listen.
Result<std::unique_ptr<session::LiveApi>> make_live_api(const session::RunOptions& options,
                                                        const metrics::Registry& registry, WallOffset offset) {
  if (options.listen.empty()) return std::unique_ptr<session::LiveApi>();
  return session::LiveApi::listen(options.listen, options.token_file, registry, offset);
}

// What it scrapes, and our own metrics, which are kept after the events of a moment, so that of each moment its last
// state is.
class LiveFeed {
 public:
  LiveFeed(session::LiveApi* live, const metrics::Registry& registry, watch::SourceWatcher& watcher, Nanos interval)
      : live_(live), registry_(registry), watcher_(watcher) {
    if (!live_) return;
    watcher.set_listener(
        [live](const promql::Labels& labels, int64_t ms, double value) { live->add(labels, ms, value); });
    live_->start(interval);
  }
  void add(RunEvents& events) {
    if (!live_ || !events.take_fresh()) return;
    watcher_.record(registry_.collect());
    live_->set_metadata(watcher_.metadata());
  }

 private:
  session::LiveApi* live_;
  const metrics::Registry& registry_;
  watch::SourceWatcher& watcher_;
};

// What is recorded, reported and shown holds none.
json::Value without_secrets(const json::Value& value) { return json::without_secrets(value, hidden_in_output()); }

json::Value plan_record(const session::Prepared& prepared) {
  json::Array victims;
  for (const Victim& victim : prepared.victims) victims.push_back(to_json(victim));
  json::Array rollback;
  if (prepared.experiment.rollback)
    for (const RollbackAction& action : *prepared.experiment.rollback) rollback.push_back(rollback::describe(action));
  return json::Object{
      {"candidates", prepared.candidates}, {"victims", std::move(victims)}, {"rollback", std::move(rollback)}};
}

// What a run needs from its first line to its last.
struct Hosted {
  const session::RunOptions& options;
  const session::Prepared& prepared;
  const host::Paths& paths;
  const std::string& run_id;
  WallOffset offset;
  metrics::Registry& registry;
  session::LiveApi* live;
  Progress& progress;
  RunEvents& events;
};

// SIGINT, SIGTERM and SIGHUP end it in good order.
template <typename Session>
void host(Session& session, int signals, const std::function<void()>& before_each_wait) {
  session.start();
  while (!session.finished()) {
    before_each_wait();
    wait_readable({session.descriptor(), signals}, session.next_wake() - boot_now());
    signalfd_siginfo info{};
    while (::read(signals, &info, sizeof info) == sizeof info)
      session.halt("signal", strsignal(static_cast<int>(info.ssi_signo)));
    session.dispatch();
  }
}

template <typename Session>
Verdict host_to_the_end(const Hosted& run, Session& session, int signals) {
  Nanos interval = run.prepared.experiment.sources.interval;
  LiveFeed feed(run.live, run.registry, session.watcher(), interval);  // whoever may ask sees it live
  if (run.live) run.progress.show("PromQL and /metrics are served at " + run.live->url());
  host(session, signals, [&] {
    feed.add(run.events);
    run.progress.refresh(boot_now());
  });
  return session.end();  // the guard has ended; nothing is in force
}

// Of an attack that only looks: no guard, and no capability.
Result<Verdict> look_recorded(const Hosted& run) {
  TRY_VOID(sys::drop_all_capabilities());
  UniqueFd signals = TRY(take_signals());
  auto sink = [&](const RunEvent& event) { run.events.take(event); };
  auto session = TRY(session::LookSession::create(run.prepared, run.run_id, run.offset, std::move(sink)));
  return host_to_the_end(run, *session, signals.get());
}

// From the record's first line to the guard's end. An error is from before the attack.
Result<Verdict> run_recorded(const Hosted& run) {
  if (run.prepared.only_looks()) return look_recorded(run);
  TRY_VOID(save_fingerprint(run.paths, session::claims_of(run.prepared)));  // verify-clean can compare with now
  guard::GuardClient guard = TRY(session::start_guard(run.prepared, run.options, run.run_id));
  TRY_VOID(sys::drop_all_capabilities());
  UniqueFd signals = TRY(take_signals());
  auto sink = [&](const RunEvent& event) { run.events.take(event); };
  auto session = TRY(session::LocalSession::create(run.prepared, std::move(guard), run.paths, run.run_id, run.offset,
                                                   std::move(sink)));
  return host_to_the_end(run, *session, signals.get());
}

Result<Verdict> run_experiment(const session::RunOptions& options) {
  std::vector<ReportFile> reports = TRY(prepare_reports(options.reports));  // they can be written
  WallOffset offset = WallOffset::measure();
  metrics::Registry registry;
  std::unique_ptr<session::LiveApi> live = TRY(make_live_api(options, registry, offset));
  host::Paths paths = TRY(host::Paths::find(options.state_dir));
  TRY_VOID(host::adopt_requests(paths));                        // a member's halt is root's from now on
  TRY_VOID(host::check_latch(paths));                           // nothing starts under the latch
  TRY_VOID(replay_dead_runs(options.state_dir));                // nothing of an earlier, dead run is left
  session::Prepared prepared = TRY(session::prepare(options));  // the files are good; victims and steps are known
  TRY_VOID(
      session::check_plans(prepared));  // each victim may be hit, by a mechanism of this machine; the source answers
  TRY_VOID(paths.make());
  TRY_VOID(paths.check_private());
  std::string run_id = make_run_id(wall_now(), Random::fresh_seed());
  store::Store store = TRY(store::Store::open(paths.record()));
  json::Value experiment = without_secrets(to_json(prepared.experiment));
  std::string name(experiment.at("name").as_string());
  TRY_VOID(store.begin_run({run_id, name, wall_now(), experiment, without_secrets(plan_record(prepared))}));
  failpoint("engine.recorded");
  Progress progress(options, prepared.warnings);
  report::RunMetrics metrics(registry);
  RunEvents events(store, progress, metrics, run_id, offset);
  auto ended = run_recorded({options, prepared, paths, run_id, offset, registry, live.get(), progress, events});
  if (!ended) print_error(ended.error());
  // Reported, said, and recorded: what the last event says is what the process ends with.
  return events.close(ended ? *ended : verdict_of(ended.error()), reports);
}

}  // namespace

ExitCode run_command(const session::RunOptions& options) {
  auto verdict = run_experiment(options);
  if (!verdict) return print_error(verdict.error());
  return exit_code_of(verdict->outcome);
}

}  // namespace ordeal::cli
