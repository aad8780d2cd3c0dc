#include "app/controller/hosting/takeover.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/controller/hosting/verdicts.h"
#include "app/controller/writing/record_keeper.h"
#include "core/base/io/failpoint.h"
#include "core/base/text/text.h"
#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

constexpr const char* kReplaced = "the controller was replaced";
constexpr Nanos kLeaseMargin = 1s;  // how late a lease may end
constexpr Nanos kWaitAgain = 500ms;
constexpr size_t kMostRecord = size_t{16}
                               << 20;  // of a record whose beginning is read again; its namespace's people may write it

bool reverted(const cluster::Injection& injection) { return injection.status.state == "reverted"; }

}  // namespace

Takeover::Takeover(const Ports& ports, const ClusterStores& stores, Announcer& announcer,
                   cluster::ExperimentObject object)
    : ports_(ports),
      stores_(stores),
      announcer_(announcer),
      object_(std::move(object)),
      outbox_(ports.send, ports.now, 10),
      writer_(ports.send, ports.now, {object_.namespace_, object_.name},
              {[](const auto&) {}, [](const auto&) {},
               [this](const std::string& why) { (why.empty() ? deleted_ : again_) = true; }}) {}

void Takeover::saw(const cluster::Injection& injection) {
  if (injection.spec.run != run()) return;
  failed_ |= session::revert_failed(injection.status);
  // What is listed may be older than what was watched.
  auto [kept, fresh] = injections_.try_emplace(injection.name, injection);
  if (!fresh && !reverted(kept->second)) kept->second = injection;
}

void Takeover::add_to(target::ClusterLoad& load) const {
  int64_t known = 0;
  for (const auto& [name, injection] : injections_)
    for (const cluster::PlannedImpact& impact : injection.spec.impacts) {
      target::add_victim(load, impact.victim, injection.spec.node);
      ++known;
    }
  if (listed_) return;
  int64_t unknown = std::max<int64_t>(object_.status.victims - known, 0);
  load.targets += unknown;
  load.pods[object_.namespace_] += unknown;
}

void Takeover::lost(const std::string& injection) {
  auto found = injections_.find(injection);
  if (found != injections_.end()) found->second.has_finalizer = false;
}

// Tests that it is as it was seen: of two that take over one succeeds, and what has ended meanwhile stays so.
void Takeover::claim() {
  failpoint("controller.before_claim");
  cluster::ExperimentStatus status = object_.status;
  status.holder = ports_.identity;
  status.renewal.stop = kReplaced;
  auto operation = [](const char* op, const char* path, json::Value value) {
    return json::Object{{"op", op}, {"path", path}, {"value", std::move(value)}};
  };
  json::Value body = json::Array{operation("test", "/metadata/resourceVersion", json::Value(object_.version)),
                                 operation("replace", "/status", to_json(status))};
  outbox_.add(kube::patch(kube::kExperiments, {object_.namespace_, object_.name, "status"}, kube::kJsonPatch, body),
              [this, status](const kube::Answer<json::Value>& answer) {
                claimed(answer);
                if (answer) object_.status = status;
              });
}

// A claim whose first answer was lost fails the second time: then the Experiment names us, and is judged anew.
void Takeover::claimed(const kube::Answer<json::Value>& answer) {
  if (answer) {
    claimed_at_ = ports_.now();
    step_ = Step::kListing;
    list();
  } else if (answer.error().kind == kube::ApiFailure::Kind::kNotFound) {
    deleted_ = true;
  } else {
    again_ = true;
  }
}

// What a dead controller has made a moment ago may not have been seen yet: that none is known proves nothing.
void Takeover::list() {
  kube::Request request = kube::get(kube::kInjections, {object_.namespace_, ""});
  request.query.emplace_back("labelSelector", fmt::format("{}={}", cluster::kRunLabel, cluster::label_value(run())));
  outbox_.add(std::move(request), [this](const kube::Answer<json::Value>& answer) {
    const json::Value* items = answer && answer->is_object() ? answer->get_object().if_contains("items") : nullptr;
    again_ |= !items || !items->is_array();
    if (again_) return;
    std::string why;
    for (const json::Value& item : items->get_array())
      if (auto injection = cluster::injection_as_readable(item, why)) saw(*injection);
    step_ = Step::kWaiting;
    listed_ = true;
  });
}

// As long as an agent may have something in force, if a renewal was on its way when it was claimed.
bool Takeover::waits_for(const cluster::Injection& injection) const {
  return !reverted(injection) && ports_.now() < claimed_at_ + 2 * injection.spec.lease + kLeaseMargin;
}

void Takeover::wait_for_agents() {
  bool hears = !stores_.hearing || stores_.hearing();
  bool waits =
      std::any_of(injections_.begin(), injections_.end(), [this](const auto& one) { return waits_for(one.second); });
  if (!hears || waits || ports_.now() < claimed_at_ + kLeaseMargin) return;
  for (const auto& [name, injection] : injections_) {
    if (reverted(injection)) continue;
    silent_.push_back(injection.spec.node);
    if (injection.has_finalizer) outbox_.add(session::without_finalizer(injection), [](const auto&) {});
  }
  step_ = Step::kRecording;
  close_record();
}

// What it had written so far is kept; one part more says how it ended.
void Takeover::close_record() {
  kube::Request request = kube::get(kube::kConfigMaps, {object_.namespace_, ""});
  request.query.emplace_back("labelSelector",
                             fmt::format("{}=true,{}={}", cluster::kRecordLabel, cluster::kRunLabel, run()));
  outbox_.add(std::move(request), [this](const kube::Answer<json::Value>& answer) {
    const json::Value* items = answer && answer->is_object() ? answer->get_object().if_contains("items") : nullptr;
    if (items && items->is_array()) write_closing_part(items->get_array());
    if (!items) end();
  });
}

void Takeover::write_closing_part(const json::Array& config_maps) {
  RecordOwner owner{object_.namespace_, object_.name, object_.uid, run()};
  auto parts = record_parts(owner, config_maps);
  int next = static_cast<int>(parts.size());
  auto record = store::read_cluster_record(std::move(parts), kMostRecord);
  // Without a beginning there is nothing to end.
  if (!record || record->row.exit) return end();
  RunEvent event;
  event.seq = record->events.empty() ? 0 : record->events.back().seq + 1;
  event.run = run();
  event.boot = record->events.empty() ? BootTime() : record->events.back().boot;
  event.wall = ports_.wall();
  RunEvent ended = event;
  event.data = events::Halt{kReplaced, "engine", event.boot};
  ended.seq = event.seq + 1;
  ended.data = events::Ended{verdict()};
  outbox_.add(record_write(owner, store::closing_part(next, {event, ended})), [this](const auto&) { end(); });
}

Verdict Takeover::verdict() const {
  if (failed_)
    return {Outcome::kRevertFailed, fmt::format("{}, and a revert failed", kReplaced),
            "the Injections of the run say where and why"};
  if (!silent_.empty()) return unconfirmed_verdict(kReplaced, silent_);
  return {Outcome::kHalted, kReplaced, "create the Experiment again to run it"};
}

void Takeover::end() {
  failpoint("controller.before_complete");
  step_ = Step::kEnding;
  Ending ending;
  ending.verdict = verdict();
  const auto* injected = cluster::find_condition(object_.status.conditions, "Injected");
  ending.injected = injected && injected->status == cluster::Truth::kTrue;
  ending.hit = object_.status.injected > 0 || std::any_of(injections_.begin(), injections_.end(), [](const auto& one) {
                 return session::hit(one.second.status);
               });
  if (!silent_.empty()) ending.reverted = cluster::Truth::kUnknown;
  if (failed_) ending.reverted = cluster::Truth::kFalse;
  ending.reverted_message = silent_.empty() ? "" : "not confirmed by the agents of " + join(silent_, ", ");
  put_ending(object_.status, ending, ports_.wall());
  // Nobody knows what was seen while nobody watched.
  cluster::set_condition(object_.status.conditions,
                         {"Held", cluster::Truth::kUnknown, camel_case(to_text(ending.verdict.outcome)), kReplaced, ""},
                         ports_.wall());
  writer_.want(object_.status, true);
  announcer_.tell(object_, true, "Complete", ending.verdict.reason);
}

void Takeover::dispatch() {
  if (done_ || again_) return;
  looked_ = ports_.now();
  if (deleted_) {
    done_ = true;
    return;
  }
  if (step_ == Step::kClaiming && !std::exchange(asked_, true)) claim();
  if (step_ == Step::kWaiting) wait_for_agents();
  outbox_.dispatch();
  writer_.dispatch();
  done_ = step_ == Step::kEnding && writer_.clean();
}

BootTime Takeover::next_wake() const {
  if (done_ || again_) return BootTime::max();
  BootTime next = std::min(outbox_.next_wake(), writer_.next_wake());
  return step_ == Step::kWaiting || step_ == Step::kEnding ? std::min(next, looked_ + kWaitAgain) : next;
}

}  // namespace ordeal::controller
