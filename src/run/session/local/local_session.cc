#include "run/session/local/local_session.h"

#include <fmt/format.h>

#include "core/base/io/failpoint.h"
#include "platform/host/latch.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {
namespace {

constexpr Nanos kLookAgain = 1s;  // where the descriptor of what is waited for could not be had

Result<engine::Setup> make_setup(const Prepared& prepared) {
  engine::Setup setup{prepared.experiment, prepared.selection.chosen, {}, {}, prepared.warnings, prepared.sample_every};
  setup.one_way = prepared.fault->info().step == StepKind::kOneWay;
  setup.candidates = prepared.selection.candidates - static_cast<int64_t>(prepared.selection.refused.size());
  for (const Expectation& expectation : prepared.experiment.expect) {
    setup.judges.push_back(TRY(judge::Judge::create(expectation)));
    bool counted = !watch::counted_from(expectation, prepared.experiment.sources).empty();
    setup.triggers.push_back(counted ? judge::FastTrigger::create(prepared.experiment, expectation) : std::nullopt);
  }
  return setup;
}

// A revert that failed shows in the guard's own exit code too.
Verdict with_guard_end(Verdict verdict, const std::optional<Result<ExitCode>>& code) {
  if (!code || (*code && **code == ExitCode::kHeld) || verdict.outcome == Outcome::kRevertFailed) return verdict;
  std::string why = *code ? fmt::format("the guard ended with {}", static_cast<int>(**code)) : code->error().message();
  if (!*code && code->error().code != Errc::kRevertFailed) return {Outcome::kError, why, ""};
  return {Outcome::kRevertFailed, why, "run `ordeal revert`, then `ordeal verify-clean`"};
}

// A failed revert stops everything until a person has looked. Guard, reaper and standby engage the latch for theirs.
Verdict with_latch(Verdict verdict, const host::Paths& paths, const std::string& run_id) {
  if (verdict.outcome != Outcome::kRevertFailed || host::failed_revert(paths)) return verdict;
  auto engaged = host::engage_for_failed_revert(paths, "a revert failed in " + run_id + ": " + verdict.reason, run_id);
  if (!engaged) verdict.reason += "; and " + engaged.error().message();
  return verdict;
}

}  // namespace

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

Result<guard::GuardClient> start_guard(const Prepared& prepared, const RunOptions& options, const std::string& run_id) {
  guard::GuardStart start{run_id, options.state_dir, options.policies, prepared.inventory};
  failpoint("engine.before_guard");
  guard::GuardClient guard = TRY(guard::GuardClient::start(start));
  failpoint("engine.guard_started");
  guard.set_exemptions(prepared.exemptions);
  guard.set_candidates(prepared.selection.candidates);
  return guard;
}

Result<std::unique_ptr<LocalSession>> LocalSession::create(const Prepared& prepared, guard::GuardClient guard,
                                                           const host::Paths& paths, const std::string& run_id,
                                                           WallOffset offset, engine::Sink sink) {
  const Experiment& experiment = prepared.experiment;
  auto world = TRY(LocalWorld::create(experiment, prepared.selection.chosen, std::move(guard), paths, run_id));
  std::unique_ptr<LocalSession> session(new LocalSession(std::move(world)));
  session->paths_ = paths;
  session->run_id_ = run_id;
  session->engine_ = std::make_unique<engine::Session>(
      TRY(make_setup(prepared)), session->world_->parts(), session->world_->inbox(),
      engine::Session::Options{run_id, offset, experiment.sources.interval}, std::move(sink));
  return session;
}

void LocalSession::dispatch() {
  world_->dispatch();
  if (world_->busy() || world_->ended()) return;
  engine_->dispatch();
  if (engine_->finished()) world_->end_guard();
}

BootTime LocalSession::next_wake() const {
  if (world_->busy()) return boot_now() + kLookAgain;
  return std::min(engine_->next_wake(), world_->next_wake().value_or(BootTime::max()));
}

Verdict LocalSession::end() {
  Verdict verdict = with_guard_end(engine_->verdict(), world_->guard_end());
  verdict = with_latch(std::move(verdict), paths_, run_id_);
  failpoint("engine.guard_ended");
  return verdict;
}

}  // namespace ordeal::session
