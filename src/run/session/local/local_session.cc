#include "run/session/local/local_session.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/io/failpoint.h"
#include "core/model/experiment/part.h"
#include "platform/host/latch.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::session {
namespace {

constexpr Nanos kLookAgain = 1s;  // where the descriptor of what is waited for could not be had

// Each stint hits the victims of its attack.
void put_waves(const Prepared& prepared, engine::Setup& setup) {
  for (const Stint& stint : prepared.experiment.schedule) {
    const PartPlan& part = prepared.parts[stint.part];
    const std::vector<Victim>& chosen = part.selection.chosen;
    setup.waves.push_back(
        {stint.part, part.name, stint.at, stint.attack, part.one_way(), chosen.size(), part.behind.empty()});
    setup.victims.insert(setup.victims.end(), chosen.begin(), chosen.end());
  }
}

events::Part part_record(const Part& part, const PartPlan& plan) {
  std::vector<std::string> victims;
  for (const Victim& victim : plan.selection.chosen) victims.push_back(victim.name);
  const Attack& attack = part.attack;
  return {part.name, attack.type,   attack.args,           attack.given.value_or(std::vector<std::string>{}),
          part.at,   attack.length, course_in_words(part), std::move(victims)};
}

}  // namespace

Result<engine::Setup> make_setup(const Prepared& prepared) {
  engine::Setup setup{prepared.experiment, {}, {}, {}, prepared.warnings, prepared.sample_every};
  if (prepared.experiment.parts.empty()) setup.victims = prepared.victims;
  put_waves(prepared, setup);
  for (size_t i = 0; i < prepared.experiment.parts.size(); ++i)
    setup.parts.push_back(part_record(prepared.experiment.parts[i], prepared.parts[i]));
  const PartPlan& first = prepared.parts.front();
  setup.one_way = first.one_way();
  setup.at_most = prepared.at_most();
  setup.only_looks = prepared.only_looks();
  if (prepared.parts.size() == 1)
    setup.candidates = first.selection.candidates - static_cast<int64_t>(first.selection.refused.size());
  for (const Expectation& expectation : prepared.experiment.expect) {
    setup.judges.push_back(TRY(judge::Judge::create(expectation)));
    bool counted = !watch::counted_from(expectation, prepared.experiment.sources).empty();
    setup.triggers.push_back(counted ? judge::FastTrigger::create(prepared.experiment, expectation) : std::nullopt);
  }
  return setup;
}

namespace {

std::vector<fault::Incarnation> incarnations_of(const engine::Setup& setup) {
  std::vector<fault::Incarnation> all;
  if (setup.waves.empty())
    for (const Victim& victim : setup.victims) all.push_back(fault::Incarnation::of(victim, setup.experiment.attack));
  for (const engine::Wave& wave : setup.waves)
    for (size_t i = 0; i < wave.victims; ++i)
      all.push_back(fault::Incarnation::of(setup.victims[all.size()], wave.attack));
  return all;
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

Unexpected refusal_of(const PartPlan& part, const Error& refusal) {
  return part.name.empty() ? tl::unexpected(refusal) : wrap(refusal, part.name);
}

}  // namespace

Result<> check_plans(const Prepared& prepared) {
  for (const auto& refusal :
       {prepared.source_refusal, prepared.evidence_refusal, prepared.budget_refusal, prepared.rollback_refusal})
    if (refusal) return tl::unexpected(*refusal);
  if (prepared.only_looks()) return {};
  if (prepared.broken_cap) return fail(Errc::kRefused, *prepared.broken_cap, "`ordeal list` shows what runs now");
  for (const PartPlan& part : prepared.parts)
    for (const VictimPlan& plan : part.plans)
      if (plan.refusal && plan.refusal->code == Errc::kRefused) return refusal_of(part, *plan.refusal);
  for (const PartPlan& part : prepared.parts)
    if (std::all_of(part.plans.begin(), part.plans.end(), [](const VictimPlan& plan) { return plan.refusal; }))
      return refusal_of(part, *part.plans.front().refusal);
  return {};
}

Result<guard::GuardClient> start_guard(const Prepared& prepared, const RunOptions& options, const std::string& run_id) {
  guard::GuardStart start{run_id, options.state_dir, options.policies, prepared.inventory};
  failpoint("engine.before_guard");
  guard::GuardClient guard = TRY(guard::GuardClient::start(start));
  failpoint("engine.guard_started");
  guard.set_exemptions(prepared.exemptions);
  guard.set_candidates(prepared.candidates);
  guard.set_shares(shares_of(prepared.experiment.schedule, prepared.parts));
  return guard;
}

Result<std::unique_ptr<LocalSession>> LocalSession::create(const Prepared& prepared, guard::GuardClient guard,
                                                           const host::Paths& paths, const std::string& run_id,
                                                           WallOffset offset, engine::Sink sink) {
  const Experiment& experiment = prepared.experiment;
  engine::Setup setup = TRY(make_setup(prepared));
  auto world = TRY(LocalWorld::create(experiment, incarnations_of(setup), std::move(guard), paths, run_id));
  std::unique_ptr<LocalSession> session(new LocalSession(std::move(world)));
  session->paths_ = paths;
  session->run_id_ = run_id;
  session->engine_ = std::make_unique<engine::Session>(
      std::move(setup), session->world_->parts(), session->world_->inbox(),
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
