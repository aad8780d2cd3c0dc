// run: the whole way of an experiment. run_experiment() reads as the list of its steps.
#include <fmt/format.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/file.h"
#include "base/output.h"
#include "cli/commands.h"
#include "cli/fingerprint.h"
#include "cli/live_api.h"
#include "cli/local_world.h"
#include "cli/prepare.h"
#include "cli/progress.h"
#include "cli/replay.h"
#include "cli/run_events.h"
#include "cli/write_report.h"
#include "guard/latch.h"
#include "json/hide.h"
#include "model/run_id.h"
#include "report/run_metrics.h"
#include "rollback/rollback.h"
#include "store/store.h"
#include "sys/capability.h"

namespace ordeal::cli {
namespace {

Result<> check_latch(const guard::Paths& paths) {
  auto latch = guard::latch_engaged(paths);
  if (!latch) return {};
  return fail(Errc::kRefused,
              fmt::format("the halt latch is engaged by {} since {}: {}", latch->by, latch->since, latch->reason),
              "`ordeal resume` releases it");
}

// What a plan alone cannot do, a run refuses before anything is touched.
Result<> check_plans(const Prepared& prepared) {
  for (const auto& refusal :
       {prepared.source_refusal, prepared.evidence_refusal, prepared.budget_refusal, prepared.rollback_refusal})
    if (refusal) return tl::unexpected(*refusal);
  if (prepared.broken_cap) return fail(Errc::kRefused, *prepared.broken_cap, "`ordeal list` shows what runs now");
  for (const VictimPlan& plan : prepared.plans)
    if (plan.refusal && plan.refusal->code == Errc::kRefused) return tl::unexpected(*plan.refusal);
  int possible = 0;
  for (const VictimPlan& plan : prepared.plans) possible += !plan.refusal;
  if (possible == 0) return tl::unexpected(*prepared.plans.front().refusal);
  return {};
}

Result<engine::Setup> make_setup(const Prepared& prepared) {
  engine::Setup setup{prepared.experiment, prepared.selection.chosen, {}, {}, prepared.warnings, prepared.sample_every};
  setup.one_way = prepared.fault->info().step == StepKind::kOneWay;
  for (const Expectation& expectation : prepared.experiment.expect) {
    setup.judges.push_back(TRY(analysis::Judge::create(expectation)));
    bool counted = !watch::counted_from(expectation, prepared.experiment.sources).empty();
    setup.triggers.push_back(counted ? analysis::FastTrigger::create(prepared.experiment, expectation) : std::nullopt);
  }
  return setup;
}

Result<guard::GuardClient> start_guard(const Prepared& prepared, const RunOptions& options, const std::string& run_id) {
  guard::GuardStart start{run_id, options.state_dir, options.policies, prepared.inventory};
  failpoint("engine.before_guard");
  guard::GuardClient guard = TRY(guard::GuardClient::start(start));
  failpoint("engine.guard_started");
  guard.set_exemptions(prepared.exemptions);
  guard.set_candidates(prepared.selection.candidates);
  return guard;
}

// Null without --listen.
Result<std::unique_ptr<LiveApi>> make_live_api(const RunOptions& options, const metrics::Registry& registry,
                                               WallOffset offset) {
  if (options.listen.empty()) return std::unique_ptr<LiveApi>();
  return LiveApi::listen(options.listen, options.token_file, registry, offset);
}

// Our own metrics are kept after the events of a moment, so that of each moment its last state is.
void feed(LiveApi& live, const metrics::Registry& registry, LocalWorld& world, RunEvents& events) {
  watch::SourceWatcher& watcher = world.watcher();
  watcher.set_listener(
      [&live](const promql::Labels& labels, int64_t ms, double value) { live.add(labels, ms, value); });
  world.before_each_wait([&] {
    if (!events.take_fresh()) return;
    watcher.record(registry.collect());
    live.set_metadata(watcher.metadata());
  });
  live.start();
}

// What is recorded, reported and shown holds none.
json::Value without_secrets(const json::Value& value) { return json::without_secrets(value, hidden_in_output()); }

json::Value plan_record(const Prepared& prepared) {
  json::Array victims;
  for (const Victim& victim : prepared.selection.chosen) victims.push_back(to_json(victim));
  json::Array rollback;
  if (prepared.experiment.rollback)
    for (const RollbackAction& action : *prepared.experiment.rollback) rollback.push_back(rollback::describe(action));
  return json::Object{{"candidates", prepared.selection.candidates},
                      {"victims", std::move(victims)},
                      {"rollback", std::move(rollback)}};
}

// A revert that failed shows in the guard's own exit code too.
Verdict with_guard_end(Verdict verdict, LocalWorld& world) {
  if (world.guard_lost()) return verdict;
  auto code = world.guard().finish();
  if (code && *code == ExitCode::kHeld) return verdict;
  if (verdict.outcome == Outcome::kRevertFailed) return verdict;
  std::string why = code ? fmt::format("the guard ended with {}", static_cast<int>(*code)) : code.error().message();
  if (!code && code.error().code != Errc::kRevertFailed) return {Outcome::kError, why, ""};
  return {Outcome::kRevertFailed, why, "run `ordeal revert`, then `ordeal verify-clean`"};
}

// A failed revert stops everything until a person has looked. Guard, reaper and standby engage the latch for theirs.
void latch_failed_revert(const Verdict& verdict, const guard::Paths& paths, const std::string& run_id) {
  if (verdict.outcome != Outcome::kRevertFailed || guard::latch_engaged(paths)) return;
  auto engaged = guard::engage_latch(paths, "a revert failed in " + run_id + ": " + verdict.reason, run_id, wall_now());
  if (!engaged) (void)print_error(engaged.error());
}

// What a run needs from its first line to its last.
struct Hosted {
  const RunOptions& options;
  const Prepared& prepared;
  const guard::Paths& paths;
  const std::string& run_id;
  WallOffset offset;
  metrics::Registry& registry;
  LiveApi* live;
  Progress& progress;
  RunEvents& events;
};

// From the record's first line to the guard's end. An error is from before the attack.
Result<Verdict> run_recorded(const Hosted& run) {
  const Experiment& experiment = run.prepared.experiment;
  TRY_VOID(save_fingerprint(run.paths));  // verify-clean can compare with now
  guard::GuardClient guard =
      TRY(start_guard(run.prepared, run.options, run.run_id));  // from here on the guard alone may touch the kernel
  TRY_VOID(sys::drop_all_capabilities());
  std::unique_ptr<LocalWorld> world =
      TRY(LocalWorld::create(experiment, run.prepared.selection.chosen, std::move(guard), run.paths, run.run_id));
  engine::Machine machine(TRY(make_setup(run.prepared)));
  if (run.live) feed(*run.live, run.registry, *world, run.events);  // whoever may ask sees it live
  if (run.live) run.progress.tell("PromQL and /metrics are answered at " + run.live->url());
  auto sink = [&](const RunEvent& event) { run.events.take(event); };
  Verdict verdict = engine::run(machine, *world, run.run_id, run.offset, experiment.sources.interval, sink);
  verdict = with_guard_end(std::move(verdict), *world);  // the guard has ended; nothing is in force
  latch_failed_revert(verdict, run.paths, run.run_id);
  failpoint("engine.guard_ended");
  return verdict;
}

Result<Verdict> run_experiment(const RunOptions& options) {
  std::vector<ReportFile> reports = TRY(prepare_reports(options.reports));  // they can be written
  WallOffset offset = WallOffset::measure();
  metrics::Registry registry;
  std::unique_ptr<LiveApi> live = TRY(make_live_api(options, registry, offset));
  guard::Paths paths = TRY(guard::Paths::find(options.state_dir));
  TRY_VOID(check_latch(paths));                   // nothing starts under the latch
  TRY_VOID(replay_dead_runs(options.state_dir));  // nothing of an earlier, dead run is left
  Prepared prepared = TRY(prepare(options));      // the files are good; victims and steps are known
  TRY_VOID(check_plans(prepared));  // each victim may be hit, by a mechanism of this machine; the source answers
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

ExitCode run_command(const RunOptions& options) {
  auto verdict = run_experiment(options);
  if (!verdict) return print_error(verdict.error());
  return exit_code_of(verdict->outcome);
}

}  // namespace ordeal::cli
