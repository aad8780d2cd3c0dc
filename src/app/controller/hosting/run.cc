#include "app/controller/hosting/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/controller/hosting/verdicts.h"
#include "core/base/io/failpoint.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "core/json/hide.h"
#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

using cluster::Truth;

constexpr Nanos kJudgePodsEvery = 500ms;
constexpr const char* kHaltAnnotation = "ordeal.dev/halt";

// The annotation's value; nothing where there is none.
std::optional<std::string> halt_asked(const json::Value& object) {
  const json::Value* found = &object;
  for (const char* key : {"metadata", "annotations", kHaltAnnotation}) {
    found = found->is_object() ? found->get_object().if_contains(key) : nullptr;
    if (!found) return std::nullopt;
  }
  if (!found->is_string()) return "";
  return std::string(found->get_string());
}

RunEvent without_secrets(const RunEvent& event) {
  auto data = events::read(events::type_of(event.data), json::without_secrets(events::to_json(event.data)));
  RunEvent hidden = event;
  if (data) hidden.data = std::move(*data);
  return hidden;
}

store::NewRun new_run(const cluster::ExperimentObject& object, const Admitted& admitted, Nanos wall) {
  return {admitted.status.run, object.name, wall, json::without_secrets(to_json(admitted.prepared.experiment)),
          json::without_secrets(session::plan_json(admitted.prepared))};
}

}  // namespace

Run::Run(const Ports& ports, const ClusterStores& stores, Announcer& announcer, cluster::ExperimentObject object,
         Admitted admitted, std::function<target::ClusterLoad()> others)
    : ports_(ports),
      stores_(stores),
      announcer_(announcer),
      object_(std::move(object)),
      prepared_(admitted.prepared),
      others_(std::move(others)),
      targets_(prepared_.targets),
      following_{prepared_.choice.chosen, {prepared_.choice.allowed.begin(), prepared_.choice.allowed.end()}},
      status_(admitted.status),
      writer_(ports.send, ports.now, {object_.namespace_, object_.name},
              {[this](const auto& status) {
                 if (session_ && status.renewal.count > 0) session_->world().renewal_sent(status.renewal);
               },
               [this](const auto& status) { written(status); }, [this](const std::string& why) { gone(why); }}),
      record_(ports.send, ports.now, {object_.namespace_, object_.name, object_.uid, status_.run},
              new_run(object_, admitted, ports.wall())) {
  announcer_.tell(object_, false, "Admitted", fmt::format("run {} of {} victims", status_.run, status_.victims));
  begin(admitted.login);
}

void Run::begin(const watch::SourceLogin& login) {
  session::ClusterRun run{status_.run, object_.namespace_, object_.name, object_.uid};
  run.candidates = std::max<int64_t>(prepared_.choice.candidates, 1);
  run.one_way = prepared_.one_way();
  auto make_parts = [&](engine::Inbox& inbox) { return ports_.make_parts(prepared_, login, status_.run, inbox); };
  auto session = session::ClusterSession::create(prepared_, run, stores_.now(), ports_.send, ports_.now,
                                                 WallOffset{ports_.wall() - ports_.now().time_since_epoch()},
                                                 make_parts, [this](const RunEvent& event) { take(event); });
  if (!session) {
    verdict_ = refusal_verdict(session.error());
    return;
  }
  session_ = std::move(*session);
  session_->start();
  changed(object_);
}

void Run::take(const RunEvent& said) {
  RunEvent event = without_secrets(said);
  if (std::holds_alternative<events::Ended>(event.data))
    ended_event_ = event;
  else
    record_.append(event);
  std::visit([this](const auto& data) { on(data); }, event.data);
}

void Run::on(const events::PhaseBegun& begun) {
  status_.phase = to_text(begun.phase);
  if (begun.phase != Phase::kDuring) return;
  injected_ = true;
  std::string message = fmt::format("{} of {} victims", session_->world().injections().injected(), status_.victims);
  put_in_force(status_, message, ports_.wall());
  announcer_.tell(object_, false, "Injected", message);
}

void Run::on(const events::Look& look) {
  if (status_.looks.size() <= look.expectation) status_.looks.resize(look.expectation + 1);
  std::string value = look.value ? "result " + plain_value(*look.value, "") : look.detail;
  if (!look.series.empty()) value += " at " + look.series;
  std::string reading = to_text(look.reading);
  std::replace(reading.begin(), reading.end(), '_', ' ');
  status_.looks[look.expectation] = {look.name, std::move(value), std::move(reading)};
}

void Run::on(const events::Breach& breach) { announcer_.tell(object_, true, "Breach", breach.text); }

void Run::on(const events::Halt& halt) {
  if (halt.by != "breach") announcer_.tell(object_, true, "Halted", events::in_words(halt));
}

void Run::on(const events::Ended& ended) { verdict_ = ended.verdict; }

void Run::saw(const cluster::Injection& injection) {
  if (session_ && injection.spec.run == status_.run) session_->world().saw(injection);
}

void Run::lost(const std::string& injection) {
  if (session_) session_->world().lost(injection);
}

void Run::halt(const std::string& by, const std::string& why) {
  if (std::exchange(halting_, true) || !session_ || session_->judged()) return;
  session_->halt(by, why);
}

void Run::changed(const cluster::ExperimentObject& object) {
  object_.object = object.object;
  object_.deleting = object.deleting;
  if (object.deleting) return deleted();
  if (auto why = halt_asked(object.object)) halt("person", why->empty() ? "asked for on the Experiment" : *why);
}

// Agents see by themselves that it is gone; nothing can be written on it any more.
void Run::deleted() {
  deleted_ = true;
  halt("person", "the Experiment was deleted");
}

void Run::gone(const std::string& why) {
  if (!why.empty()) {
    ports_.log(fmt::format("{}: {}", object_.name, why));
    done_ = taken_ = true;
    return;
  }
  deleted();
  if (!session_) return;
  cluster::Renewal stopped = session_->world().renewal();
  stopped.stop = "the Experiment was deleted";
  session_->world().renewal_written(stopped);
}

// Whoever changes the policy means the runs as well that go on. What it says of who may be hit at all agents judge.
void Run::heed_policy() {
  bool same = std::exchange(heeded_, true) && stores_.policy() == policy_;
  if (same || !session_ || session_->judged()) return;
  policy_ = stores_.policy();
  pods_judged_ = 0;
  if (!policy_) return halt("policy", "there is no policy any more");
  auto taken = session::take_policy(prepared_, *policy_, ports_.policy_origin);
  if (!taken) halt("policy", "the policy cannot be read any more: " + taken.error().message());
}

// Below the floor that the policy sets no fault goes on.
void Run::guard_floor() {
  bool follows = prepared_.experiment.target.follow, floor = session::has_floor(prepared_);
  bool watches = session_ && !session_->judged() && !halting_ && (follows || floor);
  if (!watches || ports_.now() - judged_at_ < kJudgePodsEvery || stores_.pods.changes() == pods_judged_) return;
  judged_at_ = ports_.now();
  pods_judged_ = stores_.pods.changes();
  const cluster::View& view = stores_.view(prepared_.workloads);
  if (std::string rule = session::broken_floor(prepared_, view); !rule.empty()) return halt("floor", rule);
  if (follows && status_.phase == to_text(Phase::kDuring)) follow(view);
}

// Pods that are new are judged as at the start.
void Run::follow(const cluster::View& view) {
  auto followed = target::follow(prepared_.experiment, prepared_.facts, prepared_.rules, view, others_(),
                                 *prepared_.experiment.seed, following_);
  if (!followed) return ports_.log(fmt::format("{}: {}", object_.name, followed.error().message()));
  for (const target::ClusterPick& pick : followed->taken) {
    targets_.push_back(session::target_of(pick));
    ++status_.victims;
    session_->world().join(pick.model_victim, targets_.back());
  }
}

void Run::dispatch() {
  if (done_) return;
  dispatched_ = ports_.now();
  heed_policy();
  guard_floor();
  if (session_) session_->dispatch();
  bool over = session_ ? session_->finished() : verdict_.has_value();
  if (over && !silent_) judge_reverts();
  if (over && record_.clean() && !ended_) end();
  if (over) record_.finish();
  write_status();
  writer_.dispatch();
  record_.dispatch();
  if (ended_ && (writer_.clean() || deleted_)) done_ = true;
}

void Run::write_status() {
  if (ended_) return;
  bool urgent = false;
  if (session_) {
    session::ClusterWorld& world = session_->world();
    status_.injected = world.injections().injected();
    if (status_.injected > 0 && !std::exchange(hit_, true)) put_hit(status_, ports_.wall());
    status_.reverted = world.injections().reverted();
    status_.renewal = world.renewal();
    urgent = world.urgent();
  }
  const auto& halt = stores_.halt();
  status_.renewal.halt = halt && !halt->engaged ? halt->tag() : "";
  writer_.want(status_, urgent);
}

void Run::written(const cluster::ExperimentStatus& status) {
  if (session_) session_->world().renewal_written(status.renewal);
}

// The engine has judged what it knew; who was given up may have said nothing at all.
void Run::judge_reverts() {
  std::set<std::string> silent;
  if (session_)
    for (const auto& [name, injection] : session_->world().injections().all())
      if (!injection.confirmed) silent.insert(injection.object.spec.node);
  silent_.emplace(silent.begin(), silent.end());
  Verdict verdict = verdict_.value_or(Verdict{Outcome::kError, "the run ended without a verdict", ""});
  verdict_ = with_reverts(std::move(verdict), *silent_, revert_failed());
  if (!ended_event_) return;
  ended_event_->data = events::Ended{*verdict_};
  record_.append(*ended_event_);
}

// The record is whole by now.
void Run::end() {
  failpoint("controller.before_complete");
  write_status();
  Ending ending;
  ending.verdict = *verdict_;
  ending.hit = hit_;
  ending.injected = injected_;
  if (!silent_->empty()) ending.reverted = Truth::kUnknown;
  if (revert_failed()) ending.reverted = Truth::kFalse;
  ending.reverted_message = silent_->empty() ? "" : "not confirmed by the agents of " + join(*silent_, ", ");
  if (!record_.trouble().empty()) ending.verdict.hint += (ending.verdict.hint.empty() ? "" : "; ") + record_.trouble();
  put_ending(status_, ending, ports_.wall());
  writer_.want(status_, true);
  ended_ = true;
  announcer_.tell(object_, ending.verdict.outcome != Outcome::kHeld, "Complete",
                  fmt::format("{}: {}", to_text(ending.verdict.outcome), ending.verdict.reason));
}

BootTime Run::next_wake() const {
  if (done_) return BootTime::max();
  BootTime next = std::min(writer_.next_wake(), record_.next_wake());
  if (session_) next = std::min(next, session_->next_wake());
  return ended_ ? std::min(next, dispatched_ + kJudgePodsEvery) : next;
}

}  // namespace ordeal::controller
