#include "run/session/local/local_world.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include "core/base/io/failpoint.h"
#include "fault/guard/lost_guard.h"
#include "run/session/watching.h"

namespace ordeal::session {
namespace {

constexpr size_t kMostRemarks = 5;
constexpr Nanos kListFor = 200ms;

}  // namespace

LocalWorld::LocalWorld(guard::GuardClient guard, host::Paths paths, std::string run_id)
    : guard_(std::move(guard)), paths_(std::move(paths)), run_id_(std::move(run_id)) {}

Result<std::unique_ptr<LocalWorld>> LocalWorld::create(const Experiment& experiment,
                                                       std::vector<fault::Incarnation> incarnations,
                                                       guard::GuardClient guard, host::Paths paths,
                                                       std::string run_id) {
  std::unique_ptr<LocalWorld> world(new LocalWorld(std::move(guard), std::move(paths), std::move(run_id)));
  world->incarnations_ = std::move(incarnations);
  world->watcher_ = TRY(make_watcher(experiment, [w = world.get()](size_t index, const Observation& observation) {
    w->inbox_.push_back(engine::Observed{index, observation});
  }));
  world->rollback_ =
      TRY(rollback::Rollback::create(experiment.rollback.value_or(std::vector<RollbackAction>{}), world->run_id_,
                                     [w = world.get()](rollback::ActionDone done) {
                                       w->inbox_.push_back(engine::Acted{std::move(done.action), done.last});
                                     }));
  TRY_VOID(world->poll_parts());
  return world;
}

std::vector<int> LocalWorld::parts_polled() const {
  std::vector<int> parts{watcher_->descriptor(), rollback_->descriptor()};
  if (!guard_lost_) parts.push_back(guard_.fd());
  if (!standby_lost_) parts.push_back(guard_.standby_fd());
  return parts;
}

Result<> LocalWorld::poll_parts() {
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return fail_errno("cannot make the run's descriptor");
  for (int fd : parts_polled())
    if (!poll_too(fd)) return fail_errno("cannot watch a part of the run");
  return {};
}

bool LocalWorld::poll_too(int fd) const {
  epoll_event event{EPOLLIN, {.fd = fd}};
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void LocalWorld::stop_polling(int fd) const { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

// A descriptor that nobody reads would wake the host again and again. The new one takes the place of the others, so it
// finds room.
void LocalWorld::poll_only(int fd) const {
  for (int part : parts_polled()) stop_polling(part);
  (void)poll_too(fd);
}

void LocalWorld::collect_background() {
  if (recovery_ && recovery_->returned()) {
    // After what the guard had sent by then, and before whatever was asked meanwhile.
    auto place = inbox_.begin() + static_cast<std::ptrdiff_t>(std::min(sent_before_loss_, inbox_.size()));
    inbox_.insert(place, recovery_->take());
    stop_polling(recovery_->descriptor());
    recovery_.reset();
    for (int fd : parts_polled()) (void)poll_too(fd);
  }
  if (ending_ && ending_->returned()) {
    guard_end_ = ending_->take();
    ending_.reset();
    ended_ = true;
  }
}

void LocalWorld::dispatch() {
  collect_background();
  if (busy() || ended_) return;
  watcher_->dispatch();
  rollback_->dispatch();
  collect_guard();
  if (busy()) return;
  collect_standby();
  collect_warnings();
}

void LocalWorld::collect_guard() {
  if (guard_lost_) return;
  for (const guard::GuardEvent& event : guard_.events()) {
    if (event.kind == guard::GuardEvent::Type::kHalted) continue;  // kHalting has said it
    if (auto translated = translate(event)) inbox_.push_back(std::move(*translated));
  }
}

// Without it, nobody is there for the loss of guard and reaper together.
void LocalWorld::collect_standby() {
  if (standby_lost_ || guard_.standby_alive()) return;
  standby_lost_ = true;
  stop_polling(guard_.standby_fd());
  if (!guard_lost_) inbox_.push_back(engine::HaltAsked{"error", "the standby reaper is gone"});
}

std::optional<engine::Event> LocalWorld::translate(const guard::GuardEvent& event) {
  using Type = guard::GuardEvent::Type;
  bool of_an_impact = event.kind != Type::kHalting && event.kind != Type::kHalted &&
                      event.kind != Type::kNothingInForce && event.kind != Type::kGuardGone;
  if (of_an_impact && (event.impact < 0 || static_cast<size_t>(event.impact) >= incarnations_.size()))
    return engine::HaltAsked{"error",
                             fmt::format("the guard reported the impact {}, which does not exist", event.impact)};
  switch (event.kind) {
    case Type::kChecked:
      return engine::Checked{event.impact};
    case Type::kCheckFailed:
      return engine::CheckFailed{event.impact, event.error};
    case Type::kApplied:
      failpoint("engine.injected");
      return engine::Applied{event.impact, event.steps, event.applied};
    case Type::kApplyFailed:
      return engine::ApplyFailed{event.impact, event.error};
    case Type::kVictimGone:
      return engine::VictimGone{event.impact, event.why};
    case Type::kReverted:
      failpoint("engine.reverted");
      return engine::Reverted{event.impact,  event.clean,    event.broken, event.why,  event.error.what,
                              event.applied, event.reverted, event.took,   event.proof};
    case Type::kNothingInForce:
      return engine::NothingInForce{};
    case Type::kHalting:
    case Type::kHalted:
      return engine::HaltAsked{event.by, event.why};
    case Type::kGuardGone:
      break;
  }
  lose_guard(event);
  return std::nullopt;
}

void LocalWorld::lose_guard(const guard::GuardEvent& event) {
  stop_polling(guard_.fd());
  guard_lost_ = true;
  sent_before_loss_ = inbox_.size();
  recovery_.emplace([this, event] { return end_run(event); });
  poll_only(recovery_->descriptor());
}

engine::GuardLost LocalWorld::end_run(const guard::GuardEvent& event) {
  guard::LostGuard lost = guard::end_lost_run(guard_, event, paths_, run_id_);
  return {std::move(lost.failed), std::move(lost.how)};
}

// Each trouble of a scraped page once, whatever its numbers, and of one page not more than a few.
void LocalWorld::warn(const std::string& of, const std::string& trouble) {
  auto& told = remarked_[of];
  std::string kind = trouble;
  std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (trouble.empty() || told.size() >= kMostRemarks) return;
  if (std::find(told.begin(), told.end(), kind) != told.end()) return;
  told.push_back(std::move(kind));
  inbox_.push_back(engine::Warning{of + ": " + trouble});
}

void LocalWorld::collect_warnings() {
  for (const auto& status : watcher_->scrapes()) warn(status.url, status.trouble);
  for (const std::string& loss : watcher_->store().losses()) warn("what is scraped", loss);
}

void LocalWorld::look_for_return(int impact, BootTime since) {
  // One list for all victims that are looked for in one go.
  if (boot_now() - listed_ > kListFor) {
    processes_ = sys::list_processes().value_or(std::vector<sys::Process>{});
    listed_ = boot_now();
  }
  auto began = incarnations_.at(impact).back(processes_, since);
  inbox_.push_back(engine::Returned{impact, began.has_value(), began.value_or(since)});
}

void LocalWorld::check(int impact, const Victim& victim, const Attack& attack) {
  if (!guard_lost_) guard_.check(impact, victim, attack);
}

void LocalWorld::check_ahead(int impact, const Victim& victim, const Attack& attack) {
  if (!guard_lost_) guard_.check_ahead(impact, victim, attack);
}

void LocalWorld::inject(int impact, const Victim& victim, const Attack& attack) {
  if (guard_lost_) return;
  failpoint("engine.before_inject");
  guard_.inject(impact, victim, attack);
  failpoint("engine.asked_to_inject");
}

void LocalWorld::renew() {
  if (!guard_lost_) guard_.renew();
}

void LocalWorld::revert_all(const std::string& why) {
  if (guard_lost_) return;
  failpoint("engine.before_revert");
  guard_.revert_all(why);
  failpoint("engine.asked_to_revert");
}

void LocalWorld::end_guard() {
  if (ending_ || ended_) return;
  ended_ = guard_lost_;
  if (ended_) return;
  ending_.emplace([this] { return guard_.finish(); });
  poll_only(ending_->descriptor());
}

}  // namespace ordeal::session
