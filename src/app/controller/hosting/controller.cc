#include "app/controller/hosting/controller.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <array>

#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kAgainAfter = 300ms;  // doubling
constexpr Nanos kAgainAtMost = 30s;
constexpr std::ptrdiff_t kMostAdmissions = 8;  // at once: each may ask an API and a source
constexpr Nanos kLookAgain = 100ms;            // whether there is room for one more
constexpr Nanos kOtherEndsIt = 20s;
// Between "reverted" and taking the finaliser away: an agent may take its time, unless somebody waits for the deletion.
constexpr Nanos kAgentFinishes = 1min;
constexpr Nanos kAgentHurries = 5s;
constexpr Nanos kSweepMargin = 1s;
constexpr Nanos kKeptFor = 10min;  // a reverted Injection, after its run, for whoever looks at what has just ended

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
  std::erase_if(small.status.impacts, [](const auto& impact) { return impact.clean && impact.code.empty(); });
  small.spec.impacts.shrink_to_fit();
  small.status.impacts.shrink_to_fit();
  return small;
}

// It has its finaliser still, or is reverted and there for nobody.
bool is_left(const cluster::Injection& injection) {
  const cluster::InjectionStatus& status = injection.status;
  bool clean = status.state == "reverted" && !session::revert_failed(status);
  return injection.has_finalizer || (clean && !injection.deleting);
}

Nanos patience_for(const cluster::Injection& injection) {
  if (!injection.has_finalizer) return kKeptFor;
  if (injection.status.state != "reverted") return 2 * injection.spec.lease + kSweepMargin;
  return injection.deleting ? kAgentHurries : kAgentFinishes;
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

bool Controller::Case::revert_failed() const {
  return (run && run->revert_failed()) || (takeover && takeover->revert_failed());
}

std::string Controller::Case::run_id() const { return run ? run->id() : takeover ? takeover->run() : ""; }

void Controller::Case::add_to(target::ClusterLoad& load) const {
  const session::ClusterPrepared* prepared = admission ? admission->prepared() : nullptr;
  if (run || prepared)
    for (const auto& target : run ? run->targets() : prepared->targets)
      target::add_victim(load, target.victim, target.node);
  if (takeover) takeover->add_to(load);
  load.runs += run || prepared || takeover;
}

Controller::Controller(Ports ports, ClusterStores& stores)
    : ports_(std::move(ports)),
      stores_(stores),
      announcer_(ports_.send, ports_.now, ports_.wall, ports_.identity),
      outbox_(ports_.send, ports_.now, 10),
      latch_(ports_),
      aging_(outbox_, ports_.log, static_cast<size_t>(ports_.keep_records)),
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
  tries_.erase(object.uid);
  auto found = cases_.find(object.uid);
  if (found == cases_.end()) return;
  *found->second.touched = true;
  if (found->second.run) found->second.run->deleted();
  if (found->second.takeover) found->second.takeover->deleted();
}

void Controller::experiments_synced() {
  for (const cluster::ExperimentObject& gone : experiments_.synced()) forget_experiment(gone);
}

// Of one that makes no sense what can be read still counts: its agent says nothing, and its finaliser is taken away in
// time.
std::optional<cluster::Injection> Controller::read_injection(const json::Value& value) const {
  std::string why;
  auto injection = cluster::injection_as_readable(value, why);
  if (!why.empty()) ports_.log("an Injection cannot be read: " + why);
  return injection;
}

void Controller::put_injection(const json::Value& value) {
  auto injection = read_injection(value);
  if (!injection) return;
  std::string key = key_of(injection->namespace_, injection->name);
  // Whose run is over by now may say so all the same.
  const cluster::Injection* before = injections_.find(key);
  bool failed = before && !session::revert_failed(before->status) && session::revert_failed(injection->status);
  if (failed && leads_) latch_.engage(injection->spec.run);
  injections_.put(key, trimmed(*injection));
  Case* one = case_of(injection->spec.run);
  if (one && one->run) one->run->saw(*injection);
  if (one && one->takeover) one->takeover->saw(*injection);
  if (one) *one->touched = true;
  if (!is_left(*injection))
    left_.erase(key);
  else if (!one)
    left_.emplace(key, ports_.now());
}

void Controller::remove_injection(const json::Value& value) {
  auto injection = read_injection(value);
  if (!injection) return;
  injections_.remove(key_of(injection->namespace_, injection->name));
  forget_injection(*injection);
}

void Controller::forget_injection(const cluster::Injection& injection) {
  left_.erase(key_of(injection.namespace_, injection.name));
  Case* one = case_of(injection.spec.run);
  if (!one) return;
  // Its last state may have been seen in this moment only.
  if (one->run) one->run->saw(injection), one->run->lost(injection.name);
  if (one->takeover) one->takeover->saw(injection), one->takeover->lost(injection.name);
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
  cases_.clear();
  case_of_run_.clear();
  due_.clear();
  tries_.clear();
  left_.clear();
  if (!leads) return;
  experiments_.each([this](const cluster::ExperimentObject& object) { consider(object); });
  injections_.each([this](const cluster::Injection& injection) {
    if (is_left(injection)) left_.emplace(key_of(injection.namespace_, injection.name), ports_.now());
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

std::ptrdiff_t Controller::room() const {
  return kMostAdmissions -
         std::count_if(cases_.begin(), cases_.end(), [](const auto& one) { return !!one.second.admission; });
}

// What another controller has left is never kept waiting by what is new.
void Controller::begin_due() {
  if (!stopping_.empty()) return;
  std::ptrdiff_t left = room();
  for (auto it = due_.begin(); it != due_.end();) {
    const cluster::ExperimentObject* object = experiments_.find(it->first);
    bool fresh = object && object->status.run.empty();
    if (it->second > ports_.now() || (fresh && left <= 0)) {
      ++it;
      continue;
    }
    left -= fresh;
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
  if (!load.nodes.empty()) stores_.pods.each([&](const cluster::Pod& pod) { target::add_pod_of_node(load, pod); });
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
  if (the.revert_failed()) latch_.engage(the.run_id());
  using State = Admission::State;
  if (the.admission) {
    State state = the.admission->state();
    if (state == State::kAdmitted) begin_run(one->first, the);
    if (state == State::kRefused || state == State::kAgain)
      return close(one, state == State::kAgain ? std::optional(pause_before(one->first)) : std::nullopt);
    bool nothing = !the.admission && !the.run;
    bool ends = the.admission && !stopping_.empty() && state == State::kWorking;
    if (nothing || ends) return close(one, std::nullopt);
  }
  if (the.takeover && (the.takeover->done() || the.takeover->again()))
    return close(one, the.takeover->again() ? std::optional(pause_before(one->first)) : std::nullopt);
  if (!the.run || !the.run->done()) return;
  // Whoever has it leads now, or leads no more: then it is ours to end.
  close(one, the.run->taken() ? std::optional(kOtherEndsIt) : std::nullopt);
}

Nanos Controller::pause_before(const std::string& uid) {
  int tried = std::min(tries_[uid]++, 10);
  return std::min(kAgainAtMost, kAgainAfter * (1 << tried));
}

void Controller::close(Cases::iterator one, std::optional<Nanos> again) {
  std::string uid = one->first, run = one->second.run_id();
  if (one->second.descriptor >= 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, one->second.descriptor, nullptr);
  cases_.erase(one);
  case_of_run_.erase(run);
  if (!run.empty())
    injections_.each([&](const cluster::Injection& injection) {
      if (injection.spec.run == run && is_left(injection))
        left_.emplace(key_of(injection.namespace_, injection.name), ports_.now());
    });
  if (!again) tries_.erase(uid);
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

void Controller::finish(const cluster::Injection& injection) {
  kube::ObjectName name{injection.namespace_, injection.name};
  if (!injection.has_finalizer) return outbox_.add(kube::remove(kube::kInjections, name), [](const auto&) {});
  ports_.log(fmt::format("Injection {}: the finaliser is taken away, since the agent of {} did not",
                         key_of(injection.namespace_, injection.name), injection.spec.node));
  outbox_.add(session::without_finalizer(injection), [](const auto&) {});
}

// An agent takes its finaliser away itself; who is gone cannot. Nothing renews it any more, so that it is over after
// its lease.
void Controller::sweep() {
  for (auto it = left_.begin(); it != left_.end();) {
    const cluster::Injection* injection = injections_.find(it->first);
    if (!injection || !is_left(*injection) || !is_over(*injection)) {
      bool keeps = injection && is_left(*injection);
      it = keeps ? std::next(it) : left_.erase(it);
      continue;
    }
    if (ports_.now() - it->second < patience_for(*injection)) {
      ++it;
      continue;
    }
    finish(*injection);
    it = left_.erase(it);
  }
}

void Controller::age_records(const std::string& namespace_) {
  std::vector<std::pair<std::string, std::string>> ended;  // when, run
  experiments_.each([&](const cluster::ExperimentObject& object) {
    if (object.namespace_ == namespace_ && is_complete(object.status) && !object.status.run.empty())
      ended.emplace_back(object.status.ended, object.status.run);
  });
  aging_.age(namespace_, std::move(ended));
}

BootTime Controller::next_wake() const {
  BootTime next = std::min({announcer_.next_wake(), outbox_.next_wake(), latch_.next_wake()});
  for (const auto& [uid, one] : cases_) next = std::min(next, one.next_wake());
  BootTime soonest = !acts() ? turned_ + 1s : room() <= 0 ? turned_ + kLookAgain : BootTime();
  for (const auto& [uid, when] : due_) next = std::min(next, std::max(when, soonest));
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
  latch_.dispatch();
}

}  // namespace ordeal::controller
