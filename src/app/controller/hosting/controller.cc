#include "app/controller/hosting/controller.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "core/model/cluster/names.h"
#include "run/store/cluster_record.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kAgainAfter = 300ms;
constexpr Nanos kOtherEndsIt = 20s;
constexpr Nanos kAgentFinishes = 5s;  // between "reverted" and taking the finaliser away
constexpr Nanos kSweepMargin = 1s;
constexpr const char* kHaltManager = "ordeal-controller";

std::string key_of(const std::string& namespace_, const std::string& name) { return namespace_ + "/" + name; }

bool is_complete(const cluster::ExperimentStatus& status) {
  const auto* complete = cluster::find_condition(status.conditions, "Complete");
  return complete && complete->status == cluster::Truth::kTrue;
}

// What is kept of an Injection that no run needs any more: whether it is over, and whether well.
cluster::Injection trimmed(const cluster::Injection& injection) {
  cluster::Injection small = injection;
  small.spec.impacts.clear();
  small.status.conditions.clear();
  std::erase_if(small.status.impacts, [](const auto& impact) { return impact.clean; });
  small.spec.impacts.shrink_to_fit();
  small.status.impacts.shrink_to_fit();
  return small;
}

}  // namespace

BootTime Controller::Case::next_wake() const {
  if (*touched) return BootTime();
  if (admission) return admission->next_wake();
  return run ? run->next_wake() : takeover->next_wake();
}

void Controller::Case::dispatch() {
  *touched = false;
  if (admission) admission->dispatch();
  if (run) run->dispatch();
  if (takeover) takeover->dispatch();
}

std::string Controller::Case::run_id() const { return run ? run->id() : takeover ? takeover->run() : ""; }

void Controller::Case::add_to(target::ClusterLoad& load) const {
  const session::ClusterPrepared* prepared = admission ? admission->prepared() : nullptr;
  if (run || prepared) {
    const auto& targets = run ? run->targets() : prepared->targets;
    load.targets += static_cast<int64_t>(targets.size());
    for (const session::ClusterTarget& target : targets)
      if (target.victim.kind != "node") ++load.pods[target.victim.namespace_];
  }
  if (takeover) load.targets += takeover->targets(), load.pods[takeover->home()] += takeover->targets();
  load.runs += run || prepared || takeover;
}

Controller::Controller(Ports ports, ClusterStores& stores)
    : ports_(std::move(ports)),
      stores_(stores),
      announcer_(ports_.send, ports_.now, ports_.wall, ports_.identity),
      outbox_(ports_.send, ports_.now, 10),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

Controller::~Controller() = default;

void Controller::put_experiment(json::Value&& value) {
  auto object = cluster::experiment_object_from_json(std::move(value));
  if (!object) return ports_.log("an Experiment cannot be read: " + object.error().message());
  std::string uid = object->uid;
  const cluster::ExperimentObject& kept = experiments_.put(uid, std::move(*object));
  auto found = cases_.find(kept.uid);
  if (found == cases_.end()) return consider(kept);
  *found->second.touched = true;
  if (found->second.run) found->second.run->changed(kept);
  if (found->second.takeover && kept.deleting) found->second.takeover->deleted();
}

void Controller::remove_experiment(const json::Value& value) {
  auto object = cluster::experiment_object_from_json(json::Value(value));
  if (!object) return;
  experiments_.remove(object->uid);
  forget_experiment(*object);
}

void Controller::forget_experiment(const cluster::ExperimentObject& object) {
  due_.erase(object.uid);
  auto found = cases_.find(object.uid);
  if (found == cases_.end()) return;
  *found->second.touched = true;
  if (found->second.run) found->second.run->deleted();
  if (found->second.takeover) found->second.takeover->deleted();
}

void Controller::experiments_synced() {
  for (const cluster::ExperimentObject& gone : experiments_.synced()) forget_experiment(gone);
}

// Of one whose status makes no sense what its controller wrote still counts: its agent says nothing, and its finaliser
// is taken away in time.
std::optional<cluster::Injection> Controller::read_injection(json::Value&& value) const {
  auto injection = cluster::injection_from_json(value);
  if (injection) return std::move(*injection);
  ports_.log("an Injection cannot be read: " + injection.error().message());
  if (json::Object* object = value.if_object()) object->erase("status");
  auto without = cluster::injection_from_json(value);
  return without ? std::optional(std::move(*without)) : std::nullopt;
}

void Controller::put_injection(json::Value&& value) {
  auto injection = read_injection(std::move(value));
  if (!injection) return;
  std::string key = key_of(injection->namespace_, injection->name);
  injections_.put(key, trimmed(*injection));
  Case* one = case_of(injection->spec.run);
  if (one && one->run) one->run->saw(*injection);
  if (one && one->takeover) one->takeover->saw(*injection);
  if (one) *one->touched = true;
  if (!injection->has_finalizer)
    left_.erase(key);
  else if (!one)
    left_.emplace(key, ports_.now());
}

void Controller::remove_injection(const json::Value& value) {
  auto injection = read_injection(json::Value(value));
  if (!injection) return;
  injections_.remove(key_of(injection->namespace_, injection->name));
  forget_injection(*injection);
}

void Controller::forget_injection(const cluster::Injection& injection) {
  left_.erase(key_of(injection.namespace_, injection.name));
  Case* one = case_of(injection.spec.run);
  if (!one) return;
  if (one->run) one->run->lost(injection.name);
  if (one->takeover) one->takeover->lost(injection.name);
  *one->touched = true;
}

void Controller::injections_synced() {
  for (const cluster::Injection& gone : injections_.synced()) forget_injection(gone);
}

Controller::Case* Controller::case_of(const std::string& run) {
  auto uid = case_of_run_.find(run);
  if (uid == case_of_run_.end()) return nullptr;
  auto found = cases_.find(uid->second);
  return found == cases_.end() ? nullptr : &found->second;
}

void Controller::lead(bool leads) {
  if (leads_ == leads) return;
  leads_ = leads;
  ports_.log(leads ? "this controller leads" : "this controller does not lead any more");
  cases_.clear();
  case_of_run_.clear();
  due_.clear();
  left_.clear();
  if (!leads) return;
  experiments_.each([this](const cluster::ExperimentObject& object) { consider(object); });
  injections_.each([this](const cluster::Injection& injection) {
    if (injection.has_finalizer) left_.emplace(key_of(injection.namespace_, injection.name), ports_.now());
  });
}

void Controller::stop(const std::string& why) {
  stopping_ = why;
  due_.clear();
  for (auto& [uid, one] : cases_) *one.touched = true;
}

void Controller::consider(const cluster::ExperimentObject& object) {
  bool over = is_complete(object.status) || object.deleting;
  if (leads_ && !over) due_.emplace(object.uid, ports_.now());
}

void Controller::begin_due() {
  if (!stopping_.empty()) return;
  for (auto it = due_.begin(); it != due_.end();) {
    if (it->second > ports_.now()) {
      ++it;
      continue;
    }
    const cluster::ExperimentObject* object = experiments_.find(it->first);
    it = due_.erase(it);
    if (object && !is_complete(object->status) && !object->deleting && !cases_.count(object->uid)) begin(*object);
  }
}

Ports Controller::ports_of(const Case& one) const {
  Ports ports = ports_;
  ports.send = [send = ports_.send, touched = one.touched](kube::Request request, kube::Client::Callback callback) {
    send(std::move(request), [touched, callback = std::move(callback)](kube::Answer<json::Value> answer) {
      *touched = true;
      callback(std::move(answer));
    });
  };
  ports.check_source = [check = ports_.check_source, touched = one.touched](const Experiment& experiment,
                                                                            const watch::SourceLogin& login,
                                                                            Ports::SourceChecked checked) {
    check(experiment, login, [touched, checked = std::move(checked)](Result<session::SourceCheck> answer) {
      *touched = true;
      checked(std::move(answer));
    });
  };
  return ports;
}

void Controller::begin(const cluster::ExperimentObject& object) {
  Case& one = cases_[object.uid];
  one.ports = ports_of(one);
  if (object.status.run.empty()) {
    one.admission = std::make_unique<Admission>(one.ports, stores_, announcer_, object,
                                                [this, uid = object.uid] { return load_beside(uid); });
    return;
  }
  one.takeover = std::make_unique<Takeover>(one.ports, stores_, announcer_, object);
  case_of_run_[object.status.run] = object.uid;
  injections_.each([&](const cluster::Injection& injection) { one.takeover->saw(injection); });
}

// What other runs hold; an Experiment that is being admitted holds what it was prepared for.
target::ClusterLoad Controller::load_beside(const std::string& uid) const {
  target::ClusterLoad load;
  for (const auto& [other, one] : cases_)
    if (other != uid) one.add_to(load);
  return load;
}

void Controller::begin_run(const std::string& uid, Case& one) {
  const cluster::ExperimentObject* object = experiments_.find(uid);
  Admitted admitted = one.admission->take();
  one.admission.reset();
  if (!object) return;  // deleted meanwhile: nothing was injected
  one.run = std::make_unique<Run>(one.ports, stores_, announcer_, *object, std::move(admitted),
                                  [this, uid] { return load_beside(uid); });
  case_of_run_[one.run->id()] = uid;
  poll(one);
  *one.touched = true;
}

void Controller::poll(Case& one) {
  one.descriptor = one.run->descriptor();
  epoll_event event{EPOLLIN, {.ptr = &one}};
  if (one.descriptor >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, one.descriptor, &event);
}

void Controller::touch_ready() {
  std::array<epoll_event, 64> ready{};
  int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), 0);
  for (int i = 0; i < count; ++i) *static_cast<Case*>(ready[static_cast<size_t>(i)].data.ptr)->touched = true;
}

void Controller::halt_all() {
  std::string why = stores_.halted();
  for (auto& [uid, one] : cases_) {
    if (!one.run || (why.empty() && stopping_.empty())) continue;
    one.run->halt(stopping_.empty() ? "latch" : "signal", stopping_.empty() ? why : stopping_);
    *one.touched = true;
  }
}

void Controller::advance(Cases::iterator one) {
  Case& the = one->second;
  using State = Admission::State;
  if (the.admission) {
    State state = the.admission->state();
    if (state == State::kAdmitted) begin_run(one->first, the);
    if (state == State::kRefused || state == State::kAgain)
      return close(one, state == State::kAgain ? std::optional(kAgainAfter) : std::nullopt);
    bool nothing = !the.admission && !the.run;
    bool ends = the.admission && !stopping_.empty() && state == State::kWorking;
    if (nothing || ends) return close(one, std::nullopt);
  }
  if (the.takeover && (the.takeover->done() || the.takeover->again()))
    return close(one, the.takeover->again() ? std::optional(kAgainAfter) : std::nullopt);
  if (!the.run || !the.run->done()) return;
  if (the.run->revert_failed()) engage_halt(fmt::format("a revert failed in {}", the.run->id()));
  // Whoever has it leads now, or leads no more: then it is ours to end.
  close(one, the.run->taken() ? std::optional(kOtherEndsIt) : std::nullopt);
}

void Controller::close(Cases::iterator one, std::optional<Nanos> again) {
  std::string uid = one->first, run = one->second.run_id();
  if (one->second.descriptor >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, one->second.descriptor, nullptr);
  cases_.erase(one);
  case_of_run_.erase(run);
  if (!run.empty())
    injections_.each([&](const cluster::Injection& injection) {
      if (injection.spec.run == run && injection.has_finalizer)
        left_.emplace(key_of(injection.namespace_, injection.name), ports_.now());
    });
  const cluster::ExperimentObject* object = experiments_.find(uid);
  if (!object) return;
  if (again && leads_ && !object->deleting) due_[uid] = ports_.now() + *again;
  if (!run.empty()) age_records(object->namespace_);
}

// Of Injections that belong to no run of ours: its Experiment is over or gone.
bool Controller::is_over(const cluster::Injection& injection) const {
  if (case_of_run_.count(injection.spec.run)) return false;
  const cluster::ExperimentObject* object = experiments_.find(injection.spec.experiment_uid);
  return !object || object->deleting || is_complete(object->status) || object->status.run != injection.spec.run;
}

// An agent takes it away itself; who is gone cannot. Nothing renews it any more, so that it is over after its lease.
void Controller::sweep() {
  for (auto it = left_.begin(); it != left_.end();) {
    const cluster::Injection* injection = injections_.find(it->first);
    if (!injection || !injection->has_finalizer || !is_over(*injection)) {
      bool keeps = injection && injection->has_finalizer;
      it = keeps ? std::next(it) : left_.erase(it);
      continue;
    }
    Nanos patience = injection->status.state == "reverted" ? kAgentFinishes : 2 * injection->spec.lease + kSweepMargin;
    if (ports_.now() - it->second < patience) {
      ++it;
      continue;
    }
    ports_.log(fmt::format("Injection {}: the finaliser is taken away, since the agent of {} did not", it->first,
                           injection->spec.node));
    outbox_.add(session::without_finalizer(*injection), [](const auto&) {});
    it = left_.erase(it);
  }
}

// Of a namespace the newest ones are kept; their Experiments stay in any case.
void Controller::age_records(const std::string& namespace_) {
  std::vector<std::pair<std::string, std::string>> ended;  // when, run
  experiments_.each([&](const cluster::ExperimentObject& object) {
    if (object.namespace_ == namespace_ && is_complete(object.status) && !object.status.run.empty())
      ended.emplace_back(object.status.ended, object.status.run);
  });
  std::sort(ended.rbegin(), ended.rend());
  for (size_t i = static_cast<size_t>(ports_.keep_records); i < ended.size(); ++i) {
    const std::string& run = ended[i].second;
    if (!aged_.insert(run).second) continue;
    for (int part = 0; part < store::kMostParts; ++part)
      outbox_.add(kube::remove(kube::kConfigMaps, {namespace_, record_name(run, part)}), [](const auto&) {});
  }
}

// A failed revert stops everything until a person has looked.
void Controller::engage_halt(const std::string& why) {
  json::Value body =
      json::Object{{"apiVersion", cluster::kApiVersion},
                   {"kind", "Halt"},
                   {"metadata", json::Object{{"name", cluster::kHaltName}}},
                   {"spec", json::Object{{"engaged", true}, {"reason", why}, {"by", "ordeal controller"}}}};
  outbox_.add(kube::apply(kube::kHalts, {"", cluster::kHaltName}, body, kHaltManager, true),
              [this](const kube::Answer<json::Value>& answer) {
                if (!answer) ports_.log(answer.error().error("cannot engage the Halt").message());
              });
}

BootTime Controller::next_wake() const {
  BootTime next = std::min(announcer_.next_wake(), outbox_.next_wake());
  for (const auto& [uid, one] : cases_) next = std::min(next, one.next_wake());
  for (const auto& [uid, when] : due_) next = std::min(next, acts() ? when : turned_ + 1s);
  if (!left_.empty()) next = std::min(next, turned_ + 1s);
  return next;
}

void Controller::dispatch() {
  turned_ = ports_.now();
  if (acts()) {
    begin_due();
    sweep();
  }
  halt_all();
  touch_ready();
  BootTime now = ports_.now();
  for (auto it = cases_.begin(); it != cases_.end();) {
    auto one = it++;
    if (!*one->second.touched && one->second.next_wake() > now) continue;
    one->second.dispatch();
    advance(one);
  }
  announcer_.dispatch();
  outbox_.dispatch();
}

}  // namespace ordeal::controller
