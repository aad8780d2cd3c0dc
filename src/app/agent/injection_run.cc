#include "app/agent/injection_run.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/io/file.h"
#include "core/model/cluster/names.h"
#include "platform/host/latch.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kReadHaltAgain = 500ms;
constexpr unsigned kOwnersAlone = 0600;

using Kind = kube::ApiFailure::Kind;

std::string version_of(const json::Value& object) {
  const json::Value* metadata = object.is_object() ? object.get_object().if_contains("metadata") : nullptr;
  const json::Value* version =
      metadata && metadata->is_object() ? metadata->get_object().if_contains("resourceVersion") : nullptr;
  return version && version->is_string() ? std::string(version->get_string()) : "";
}

bool hits_a_node(const cluster::InjectionSpec& spec) {
  for (const cluster::PlannedImpact& impact : spec.impacts)
    if (impact.victim.kind == "node") return true;
  return false;
}

}  // namespace

void engage_latch(const AgentParts& parts, const std::string& run, const std::string& why) {
  std::string reason = fmt::format("a revert failed in {}: {}", run, why);
  parts.say(reason);
  if (host::failed_revert(parts.paths)) return;
  auto engaged = host::engage_for_failed_revert(parts.paths, reason, run);
  if (!engaged) parts.say(engaged.error().message());
}

InjectionRun::InjectionRun(const AgentParts& parts, cluster::Injection injection, std::string guard_run)
    : parts_(parts),
      injection_(std::move(injection)),
      guard_run_(std::move(guard_run)),
      course_(injection_.spec, parts.agent, WallOffset::measure()),
      may_report_within_(cluster::may_report_within(injection_.spec)),
      writer_(parts.client, {injection_.namespace_, injection_.name}, injection_.uid,
              {[this] { happens(happened::StatusWritten{}); }, [this] { happens(happened::Released{}); },
               [this](const std::string& trouble) { parts_.say(trouble); }}) {}

Result<std::unique_ptr<InjectionRun>> InjectionRun::create(const AgentParts& parts, cluster::Injection injection,
                                                           const std::string& guard_run) {
  TRY_VOID(check_spec(injection.spec, parts.identity.node));
  std::unique_ptr<InjectionRun> run(new InjectionRun(parts, std::move(injection), guard_run));
  run->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!run->epoll_) return fail_errno("cannot make the run's descriptor");
  return run;
}

InjectionRun::~InjectionRun() {
  for (const auto& ticket : {reading_experiment_, reading_halt_, watch_})
    if (ticket) parts_.client.cancel(*ticket);
  if (!policy_.empty()) ::unlink(policy_file().c_str());
}

BootTime InjectionRun::next_wake() const {
  if (!inbox_.empty() || !started_ || view_) return BootTime{};
  BootTime next = std::min(course_.next_wake(), writer_.next_wake());
  if (reading_halt_ == std::nullopt && !course_.at_rest()) next = std::min(next, halt_again_);
  if (guard_obeys())
    if (auto look = guard_->look_again()) next = std::min(next, *look);
  return next;
}

void InjectionRun::dispatch() {
  if (!std::exchange(started_, true)) carry_out(course_.start(boot_now()));
  collect_background();
  collect_guard();
  if (view_) judge_now();
  if (boot_now() >= halt_again_ && !course_.at_rest()) carry_out(todo::ReadHalt{});
  while (!inbox_.empty()) {
    Happened what = std::move(inbox_.front());
    inbox_.pop_front();
    carry_out(course_.handle(boot_now(), std::move(what)));
  }
  carry_out(course_.tick(boot_now()));
  writer_.dispatch();
}

void InjectionRun::saw_halt(const std::optional<cluster::Halt>& halt) { happens(happened::SawHalt{halt, false}); }

void InjectionRun::stop(const std::string& by, const std::string& why) {
  may_report_within_ = Nanos(0);
  writer_.hurry();
  happens(happened::Stop{{by, why}});
}

void InjectionRun::carry_out(const ToDos& todos) {
  for (const ToDo& one : todos) std::visit([this](const auto& what) { carry_out(what); }, one);
}

void InjectionRun::carry_out(const todo::ReadExperiment&) {
  BootTime asked = boot_now();
  kube::Request request = kube::get(kube::kExperiments, {injection_.namespace_, course_.spec().experiment});
  request.timeout = course_.spec().lease / 3;
  reading_experiment_ = parts_.client.send(std::move(request), [this, asked](kube::Answer<json::Value> answer) {
    reading_experiment_.reset();
    experiment_answered(std::move(answer), asked);
  });
}

void InjectionRun::experiment_answered(kube::Answer<json::Value> answer, BootTime asked) {
  if (!answer && answer.error().kind == Kind::kNotFound) return happens(happened::ReadExperiment{std::nullopt, asked});
  std::string name = "the Experiment " + course_.spec().experiment;
  if (!answer) return happens(happened::CouldNotRead{answer.error().error("cannot read " + name).message()});
  std::string version = version_of(*answer);
  auto experiment = cluster::experiment_object_from_json(std::move(*answer));
  if (!experiment) return happens(happened::CouldNotRead{name + ": " + experiment.error().message()});
  happens(happened::ReadExperiment{look_of(*experiment), asked});
  if (!watch_ && !course_.at_rest()) watch_experiment(version);
}

// From the version that was read, so that nothing is missed. One that ends is begun anew by the next read.
void InjectionRun::watch_experiment(const std::string& version) {
  kube::WatchStart start;
  start.resource = kube::kExperiments;
  start.object.namespace_ = injection_.namespace_;
  start.field_selector = "metadata.name=" + course_.spec().experiment;
  start.version = version;
  watch_ = parts_.client.watch(
      std::move(start),
      [this](kube::WatchEvent&& event) {
        if (event.kind == kube::WatchEvent::Kind::kBookmark) return;
        if (event.kind == kube::WatchEvent::Kind::kDeleted) return happens(happened::SawExperiment{std::nullopt});
        auto experiment = cluster::experiment_object_from_json(std::move(event.object));
        if (experiment) happens(happened::SawExperiment{look_of(*experiment)});
      },
      [this](const std::optional<kube::ApiFailure>&) { watch_.reset(); });
}

void InjectionRun::carry_out(const todo::ReadHalt&) {
  if (reading_halt_) return;
  halt_again_ = BootTime::max();
  kube::Request request = kube::get(kube::kHalts, {"", cluster::kHaltName});
  request.timeout = course_.spec().lease / 3;
  reading_halt_ = parts_.client.send(std::move(request), [this](kube::Answer<json::Value> answer) {
    reading_halt_.reset();
    halt_answered(std::move(answer));
  });
}

// What cannot be read counts as engaged; a server that cannot be reached is asked again, for as long as the lease
// lasts.
void InjectionRun::halt_answered(kube::Answer<json::Value> answer) {
  if (answer) return happens(happened::SawHalt{cluster::halt_from_json(&*answer), true});
  const kube::ApiFailure& failure = answer.error();
  if (failure.kind == Kind::kNotFound && !failure.no_such_resource)
    return happens(happened::SawHalt{std::nullopt, true});
  if (failure.passes()) {
    halt_again_ = boot_now() + kReadHaltAgain;
    return;
  }
  stop("latch", failure.error("the cluster's halt cannot be read, and counts as engaged").message());
}

void InjectionRun::carry_out(const todo::FindVictims&) { look_at_node(); }

void InjectionRun::carry_out(const todo::LookAgain&) { look_at_node(); }

void InjectionRun::look_at_node() {
  looked_at_ = boot_now();
  view_.reset();
  reader_ = std::make_unique<NodeReader>(parts_.client, parts_.identity, hits_a_node(course_.spec()),
                                         [this](Result<NodeView> view) { view_ = std::move(view); });
}

Result<> InjectionRun::may_begin() const {
  TRY_VOID(host::adopt_requests(parts_.paths));
  return host::check_latch(parts_.paths);
}

void InjectionRun::judge_now() {
  Result<NodeView> view = std::move(*view_);
  view_.reset();
  reader_.reset();
  if (!guard_) return begin_with(view);
  if (guard_obeys()) go_on_with(view);
}

Result<FoundVictims> InjectionRun::victims_in(const Result<NodeView>& view) const {
  if (!view) return tl::unexpected(view.error());
  target::Snapshot snapshot = TRY(target::Snapshot::look());
  return find_victims(injection_, *view, snapshot, parts_.identity);
}

void InjectionRun::begin_with(const Result<NodeView>& view) {
  auto may = may_begin();
  auto found = may ? victims_in(view) : tl::unexpected(may.error());
  if (!found) return happens(happened::CannotBegin{found.error()});
  inventory_ = std::move(found->inventory);
  exemptions_ = std::move(found->exemptions);
  exemptions_.insert(exemptions_.end(), parts_.exemptions.begin(), parts_.exemptions.end());
  policy_ = view->policy_text;
  happens(happened::FoundVictims{std::move(found->victims)});
}

// A policy that has become stricter binds the guard too: it reads its file again and again.
void InjectionRun::go_on_with(const Result<NodeView>& view) {
  auto written = view && view->policy_text != policy_ ? write_policy(view->policy_text) : Result<>();
  if (!written) return stop("error", written.error().message());
  auto found = victims_in(view);
  if (!found) return happens(happened::CouldNotLook{found.error()});
  happens(happened::LookedAgain{std::move(found->victims), looked_at_});
}

Result<> InjectionRun::write_policy(const std::string& text) {
  policy_ = text;
  return replace_whole(policy_file(), text, kOwnersAlone);
}

// Both processes are begun on this thread, since they end when the thread that started them does; it never waits for
// them, since it renews the leases of the other runs.
Result<> InjectionRun::start_guard() {
  TRY_VOID(write_policy(policy_));
  start_ = {guard_run_, parts_.state_dir, {policy_file()}, std::move(inventory_), course_.spec().lease};
  guard_.emplace(TRY(guard::GuardClient::begin(start_)));
  await_start([this] { return guard_->await_guard(start_); });
  return {};
}

void InjectionRun::await_start(std::function<Result<>()> step) {
  starting_.emplace([this, step = std::move(step)] {
    auto done = step();
    if (!done) guard_.reset();  // which may take as long again
    return done;
  });
  poll(starting_->descriptor(), true);
}

Result<> InjectionRun::guard_step_done() {
  TRY_VOID(starting_->take());
  poll(starting_->descriptor(), false);
  starting_.reset();
  if (std::exchange(standby_begun_, true)) return {};
  TRY_VOID(guard_->start_standby(start_));
  await_start([this] { return guard_->await_standby(); });
  return {};
}

void InjectionRun::collect_start() {
  if (!starting_ || !starting_->returned()) return;
  auto done = guard_step_done();
  if (done && starting_) return;
  if (!done) {
    starting_.reset();
    guard_.reset();  // where its standby could not be begun
    return happens(happened::CannotBegin{done.error()});
  }
  guard_->set_candidates(course_.spec().candidates);
  if (hits_a_node(course_.spec())) guard_->set_exemptions(exemptions_);
  poll(guard_->fd(), true);
  poll(guard_->standby_fd(), true);
  happens(happened::GuardReady{});
}

void InjectionRun::carry_out(const todo::StartGuard&) {
  auto begun = start_guard();
  if (!begun) happens(happened::CannotBegin{begun.error()});
}

void InjectionRun::carry_out(const todo::Check& what) {
  if (guard_obeys()) guard_->check(what.impact, course_.victim(what.impact), course_.attack(what.impact));
}

void InjectionRun::carry_out(const todo::Inject& what) {
  if (guard_obeys()) guard_->inject(what.impact, course_.victim(what.impact), course_.attack(what.impact));
}

void InjectionRun::carry_out(const todo::Renew&) {
  if (guard_obeys()) guard_->renew();
}

void InjectionRun::carry_out(const todo::RevertAll& what) {
  if (guard_obeys()) guard_->revert_all(what.why);
}

void InjectionRun::carry_out(const todo::EndGuard&) {
  if (!guard_ || ending_ || recovery_) return;
  poll(guard_->fd(), false);
  poll(guard_->standby_fd(), false);
  guard_over_ = true;
  ending_.emplace([this] { return guard_->finish(); });
  poll(ending_->descriptor(), true);
}

void InjectionRun::carry_out(const todo::WriteStatus&) {
  cluster::InjectionStatus status = course_.status();
  writer_.write(status, cluster::is_expected_end(status) ? may_report_within_ : Nanos(0));
}

void InjectionRun::carry_out(const todo::Release&) { writer_.release(kReleaseWithinTimes * may_report_within_); }

void InjectionRun::carry_out(const todo::EngageLatch& what) { engage_latch(parts_, guard_run_, what.why); }

void InjectionRun::collect_background() {
  collect_start();
  if (recovery_ && recovery_->returned()) {
    guard::LostGuard lost = recovery_->take();
    poll(recovery_->descriptor(), false);
    recovery_.reset();
    happens(happened::GuardLost{std::move(lost.how), std::move(lost.failed)});
  }
  if (!ending_ || !ending_->returned()) return;
  Result<ExitCode> code = ending_->take();
  poll(ending_->descriptor(), false);
  ending_.reset();
  std::optional<Error> error;
  if (!code) error = code.error();
  if (code && *code != ExitCode::kHeld)
    error = Error{Errc::kRevertFailed, fmt::format("the guard ended with {}", static_cast<int>(*code)), 0, "", nullptr};
  happens(happened::GuardEnded{std::move(error)});
}

void InjectionRun::collect_guard() {
  if (!guard_obeys()) return;
  for (const guard::GuardEvent& event : guard_->events()) {
    if (event.kind == guard::GuardEvent::Type::kGuardGone) return lose_guard(event);
    happens(happened::GuardSaid{event});
    // What follows is its exit, which is no loss.
    if (event.kind != guard::GuardEvent::Type::kHalted) continue;
    guard_over_ = true;
    poll(guard_->fd(), false);
    return;
  }
  if (standby_lost_ || guard_->standby_alive()) return;
  standby_lost_ = true;
  poll(guard_->standby_fd(), false);
  stop("error", "the standby reaper is gone");
}

void InjectionRun::lose_guard(const guard::GuardEvent& event) {
  poll(guard_->fd(), false);
  poll(guard_->standby_fd(), false);
  guard_over_ = true;
  recovery_.emplace([this, event] { return guard::end_lost_run(*guard_, event, parts_.paths, guard_run_); });
  poll(recovery_->descriptor(), true);
}

void InjectionRun::poll(int fd, bool wanted) const {
  epoll_event event{EPOLLIN, {.fd = fd}};
  ::epoll_ctl(epoll_.get(), wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event);
}

}  // namespace ordeal::agent
