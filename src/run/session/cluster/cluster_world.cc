#include "run/session/cluster/cluster_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/io/failpoint.h"
#include "core/base/text/text.h"
#include "core/model/cluster/names.h"

namespace ordeal::session {
namespace {

constexpr size_t kMostAtOnce = 50;
constexpr Nanos kCreateAtMost = 40s;  // all of them; what is not made by then is not
constexpr Nanos kConfirmAgain = 200ms;
constexpr Nanos kMargin = 1s;  // how late a lease may end
constexpr const char* kNoAgentHint = "`kubectl get pods -o wide` in Ordeal's namespace shows which nodes have an agent";

Error unfit_error(std::string what, const char* hint = "") {
  return {Errc::kNotInjected, std::move(what), 0, hint, nullptr};
}

const cluster::Container* find_container(const cluster::Pod& pod, const std::string& name) {
  auto found = std::find_if(pod.containers.begin(), pod.containers.end(),
                            [&](const auto& container) { return container.name == name; });
  return found == pod.containers.end() ? nullptr : &*found;
}

}  // namespace

ClusterWorld::ClusterWorld(ClusterRun run, std::vector<ClusterTarget> targets, ClusterNow now, Send send, Now clock)
    : run_(std::move(run)),
      targets_(std::move(targets)),
      cluster_(std::move(now)),
      clock_(clock),
      outbox_(std::move(send), std::move(clock), kMostAtOnce) {
  renewal_.count = 1;
  counted_ = renewed_ = clock_();
  for (size_t i = 0; run_.one_way && i < targets_.size(); ++i)
    returns_.remember(static_cast<int>(i), targets_[i].victim, cluster_.pods);
}

void ClusterWorld::tell(Injections::Events events) {
  for (engine::Event& event : events) inbox_.push_back(std::move(event));
}

// As far as it can be seen from here; the agent judges everything again.
std::optional<Error> ClusterWorld::unfit(const ClusterTarget& target) const {
  const cluster::ClusterVictim& victim = target.victim;
  const cluster::Node* node = cluster_.nodes.find(target.node);
  if (!node || !node->ready) return unfit_error(fmt::format("node {} is not ready", target.node));
  if (cluster_.agent_ready && !cluster_.agent_ready(target.node))
    return unfit_error(fmt::format("no agent serves node {}", target.node), kNoAgentHint);
  if (victim.kind == "node") return std::nullopt;
  const cluster::Pod* pod = cluster_.pods.find(victim.uid);
  if (!pod) return unfit_error(fmt::format("pod {}/{} is not there any more", victim.namespace_, victim.pod));
  if (!pod->runs()) return unfit_error(fmt::format("pod {}/{} does not run", victim.namespace_, victim.pod));
  if (victim.kind != "container") return std::nullopt;
  const cluster::Container* container = find_container(*pod, victim.container);
  if (!container || !container->running || container->id != victim.container_id)
    return unfit_error(fmt::format("container {} of pod {}/{} is not the one that was chosen", victim.container,
                                   victim.namespace_, victim.pod));
  return std::nullopt;
}

void ClusterWorld::check(int impact, const Victim&, const Attack& attack) {
  const ClusterTarget& target = targets_.at(static_cast<size_t>(impact));
  if (auto error = unfit(target)) return inbox_.push_back(engine::CheckFailed{impact, std::move(*error)});
  if (run_.one_way) return plan(impact, attack);
  inbox_.push_back(engine::Checked{impact});
}

void ClusterWorld::inject(int impact, const Victim&, const Attack& attack) {
  if (stopping_) return;
  if (run_.one_way) {
    // The agents hold it already; all go by one word.
    if (std::exchange(renewal_.go, true)) return;
    went_ = clock_();
    for (auto& [name, injection] : injections_.all()) injection.asked = *went_;
    urgent_ = true;
    return;
  }
  const ClusterTarget& target = targets_.at(static_cast<size_t>(impact));
  if (auto error = unfit(target)) return inbox_.push_back(engine::ApplyFailed{impact, std::move(*error)});
  plan(impact, attack);
}

void ClusterWorld::join(Victim victim, ClusterTarget target) {
  targets_.push_back(std::move(target));
  inbox_.push_back(engine::Joined{std::move(victim)});
}

void ClusterWorld::plan(int impact, const Attack& attack) {
  const ClusterTarget& target = targets_.at(static_cast<size_t>(impact));
  cluster::Injection& injection = planned_[target.node];
  cluster::PlannedImpact planned;
  planned.id = impact;
  planned.victim = target.victim;
  planned.attack = attack;
  injection.spec.impacts.push_back(std::move(planned));
}

void ClusterWorld::flush() {
  auto nodes = static_cast<int>(planned_.size());
  for (auto& [node, injection] : planned_) {
    int number = ++made_[node];
    injection.namespace_ = run_.namespace_;
    injection.name =
        cluster::injection_name(run_.experiment, run_.run, number == 1 ? node : fmt::format("{}.{}", node, number));
    injection.has_finalizer = true;
    injection.spec.run = run_.run;
    injection.spec.experiment = run_.experiment;
    injection.spec.experiment_uid = run_.experiment_uid;
    injection.spec.node = node;
    injection.spec.lease = run_.lease;
    injection.spec.waits_for_go = run_.one_way;
    injection.spec.candidates = run_.candidates;
    injection.spec.nodes = nodes;
    agents_may_take_ = std::max(agents_may_take_, cluster::may_report_within(injection.spec));
    create(std::move(injection));
  }
  planned_.clear();
  outbox_.dispatch();
}

void ClusterWorld::create(cluster::Injection injection) {
  std::string name = injection.name;
  kube::ObjectName object{injection.namespace_, name};
  kube::Request request = kube::create(kube::kInjections, object, cluster::injection_to_create(injection));
  injections_.add(std::move(injection)).asked = clock_();
  failpoint("controller.before_create");
  outbox_.add(std::move(request), [this, name](kube::Answer<json::Value> answer) { created(name, std::move(answer)); });
}

void ClusterWorld::created(const std::string& name, kube::Answer<json::Value> answer) {
  NodeInjection* injection = injections_.find(name);
  if (!injection) return;
  // An answer that was lost: the second time it is there already.
  bool there = answer || answer.error().kind == kube::ApiFailure::Kind::kAlreadyExists;
  if (there) {
    if (!injection->created) injection->created = clock_();
    return;
  }
  injection->refused = injection->over = injection->confirmed = true;
  Error error = answer.error().error(fmt::format("cannot create Injection {}", name));
  if (answer.error().kind == kube::ApiFailure::Kind::kForbidden) error.code = Errc::kRefused;
  tell(injections_.fail(*injection, error));
}

void ClusterWorld::renew() {
  if (stopping_ || clock_() - counted_ < run_.lease / 3) return;
  counted_ = renewed_ = clock_();
  ++renewal_.count;
  urgent_ = true;
}

// Most writes of a status carry a count that the server has already: they renew nothing, and one that stops neither.
void ClusterWorld::renewal_sent(const cluster::Renewal& sent) {
  urgent_ = false;
  if (sent.count > written_count_ && sent.stop.empty()) renewed_ = clock_();
}

void ClusterWorld::renewal_written(const cluster::Renewal& written) {
  written_count_ = std::max(written_count_, written.count);
  if (!written.stop.empty() && !stop_written_) stop_written_ = clock_();
}

void ClusterWorld::revert_all(const std::string& why) {
  if (std::exchange(stopping_, true)) return;
  failpoint("controller.before_stop");
  renewal_.stop = why.empty() ? "the run ends" : why;
  urgent_ = true;
  outbox_.drop_unsent();
  planned_.clear();
  dispatch();
}

void ClusterWorld::look_for_return(int impact, BootTime) {
  Returns::State state = returns_.look(impact, cluster_.pods, clock_());
  inbox_.push_back(engine::Returned{impact, state.there, state.began});
}

void ClusterWorld::saw(const cluster::Injection& seen) {
  tell(injections_.take(seen, clock_()));
  NodeInjection* injection = injections_.find(seen.name);
  if (!injection) return;
  injection->object.has_finalizer = seen.has_finalizer;
  if (injection->over && !injection->confirmed && seen.has_finalizer) take_finalizer(seen);
}

// Whoever took it away has ended what its agent had in force, and nobody will say so.
void ClusterWorld::lost(const std::string& name) {
  if (!injections_.take_gone(name) || stopping_) return;
  const NodeInjection& injection = *injections_.find(name);
  if (injection.given_up) return;
  std::string node = injection.object.spec.node;
  inbox_.push_back(engine::HaltAsked{"person", node + ": its Injection was taken away before its agent had reverted"});
}

// The moment from which no agent can have anything in force: a renewal that was begun to be written may have been read
// for the first time at the end of the lease before it, and counts for another lease from then on. By then it has said
// so, too.
BootTime ClusterWorld::over_by() const {
  BootTime by = renewed_ + 2 * run_.lease + kMargin;
  if (stop_written_) by = std::min(by, *stop_written_ + run_.lease + kMargin);
  return by + agents_may_take_;
}

void ClusterWorld::give_up_silent(BootTime now) {
  for (auto& [name, injection] : injections_.all()) {
    if (injection.over || injection.given_up || (injection.answered && !went_)) continue;
    BootTime asked = went_.value_or(injection.created.value_or(now));
    if (injection.created && now - asked >= run_.lease)
      give_up(injection, fmt::format("the agent of node {} did not answer within {:.0f} s", injection.object.spec.node,
                                     to_seconds(run_.lease)));
    else if (!injection.created && now - injection.asked >= kCreateAtMost)
      give_up(injection,
              fmt::format("the API server did not take Injection {} within {:.0f} s", name, to_seconds(kCreateAtMost)));
  }
}

// It may act late, so it is taken back: an agent whose Injection is deleted reverts.
void ClusterWorld::give_up(NodeInjection& injection, const std::string& why) {
  injection.given_up = true;
  if (!injections_.waits_for(injection)) return;
  tell(injections_.fail(injection, unfit_error(why, kNoAgentHint)));
  const cluster::Injection& object = injection.object;
  outbox_.add(kube::remove(kube::kInjections, {object.namespace_, object.name}), [](const auto&) {});
}

void ClusterWorld::end_what_is_due(BootTime now) {
  if (outbox_.empty())
    for (auto& [name, injection] : injections_.all())
      if (!injection.created) injection.over = injection.confirmed = true;  // it was never sent
  // What cannot be heard is not called silent.
  bool due = now >= over_by() && (!cluster_.hearing || cluster_.hearing());
  for (auto& [name, injection] : injections_.all()) {
    if (injection.over || !due) continue;
    tell(injections_.not_confirmed(injection, now));
    if (!injection.vanished) take_finalizer(injection.object);
  }
  if (!injections_.all_over() || std::exchange(told_nothing_in_force_, true)) return;
  inbox_.push_back(engine::NothingInForce{});
}

void ClusterWorld::take_finalizer(const cluster::Injection& injection) {
  outbox_.add(without_finalizer(injection), [](const auto&) {});
}

bool ClusterWorld::settled() const {
  if (injections_.all().empty()) return outbox_.empty();
  return injections_.all_over() && (outbox_.empty() || clock_() > over_by() + run_.lease);
}

BootTime ClusterWorld::next_wake() const {
  BootTime next = inbox_.empty() ? outbox_.next_wake() : BootTime();
  if (injections_.all_over()) return next;
  if (stopping_) return std::min(next, std::max(over_by(), dispatched_ + kConfirmAgain));
  for (const auto& [name, injection] : injections_.all()) {
    if (injection.over || injection.given_up || (injection.answered && !went_)) continue;
    BootTime due =
        injection.created ? went_.value_or(*injection.created) + run_.lease : injection.asked + kCreateAtMost;
    next = std::min(next, due);
  }
  return next;
}

void ClusterWorld::dispatch() {
  BootTime now = dispatched_ = clock_();
  if (stopping_)
    end_what_is_due(now);
  else
    give_up_silent(now);
  outbox_.dispatch();
}

}  // namespace ordeal::session
