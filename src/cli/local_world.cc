#include "cli/local_world.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <thread>

#include "base/failpoint.h"
#include "base/text.h"
#include "cli/signals.h"
#include "cli/watching.h"
#include "guard/dead_runs.h"
#include "guard/journal.h"
#include "guard/registry.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kReaperGrace = 400ms;  // for what a dead guard's reaper undoes
constexpr Nanos kReaperLimit = 3s;     // the same where the standby is gone, too
constexpr size_t kMostRemarks = 5;
constexpr Nanos kListFor = 200ms;

}  // namespace

LocalWorld::LocalWorld(const Experiment& experiment, const std::vector<Victim>& victims, guard::GuardClient guard,
                       guard::Paths paths, std::string run_id)
    : experiment_(experiment),
      victims_(victims),
      guard_(std::move(guard)),
      paths_(std::move(paths)),
      run_id_(std::move(run_id)) {}

Result<std::unique_ptr<LocalWorld>> LocalWorld::create(const Experiment& experiment, const std::vector<Victim>& victims,
                                                       guard::GuardClient guard, guard::Paths paths,
                                                       std::string run_id) {
  std::unique_ptr<LocalWorld> world(
      new LocalWorld(experiment, victims, std::move(guard), std::move(paths), std::move(run_id)));
  for (const Victim& victim : victims)
    world->incarnations_.push_back(fault::Incarnation::of(victim, experiment.attack));
  world->signals_ = TRY(take_signals());
  world->watcher_ = TRY(make_watcher(experiment, [w = world.get()](size_t index, const Observation& observation) {
    w->events_.push_back(engine::Seen{index, observation});
  }));
  world->rollback_ =
      TRY(rollback::Rollback::create(experiment.rollback.value_or(std::vector<RollbackAction>{}), world->run_id_,
                                     [w = world.get()](rollback::ActionDone done) {
                                       w->events_.push_back(engine::Acted{std::move(done.action), done.last});
                                     }));
  return world;
}

void LocalWorld::wait(BootTime until) {
  if (before_wait_) before_wait_();
  if (auto again = guard_.look_again(); again && !guard_lost_) until = std::min(until, *again);
  pollfd fds[5] = {{guard_lost_ ? -1 : guard_.fd(), POLLIN, 0},
                   {signals_.get(), POLLIN, 0},
                   {watcher_->descriptor(), POLLIN, 0},
                   {rollback_->descriptor(), POLLIN, 0},
                   {standby_lost_ ? -1 : guard_.standby_fd(), POLLIN, 0}};
  Nanos left = events_.empty() ? std::max(Nanos(0), until - boot_now()) : Nanos(0);
  timespec limit{static_cast<time_t>(left / 1s), static_cast<long>((left % 1s).count())};
  ::ppoll(fds, 5, &limit, nullptr);
  if (fds[2].revents != 0) watcher_->dispatch();
  if (fds[3].revents != 0) rollback_->dispatch();
}

std::vector<engine::Event> LocalWorld::collect() {
  collect_guard();
  collect_standby();
  collect_signals();
  collect_remarks();
  std::vector<engine::Event> events(events_.begin(), events_.end());
  events_.clear();
  return events;
}

void LocalWorld::collect_guard() {
  if (guard_lost_) return;
  for (const guard::GuardEvent& event : guard_.events()) {
    if (event.kind == guard::GuardEvent::Kind::kHalted) continue;  // kHalting has said it
    events_.push_back(translate(event));
  }
}

// Without it, nobody is there for the loss of guard and reaper together.
void LocalWorld::collect_standby() {
  if (standby_lost_ || guard_.standby_alive()) return;
  standby_lost_ = true;
  if (!guard_lost_) events_.push_back(engine::HaltAsked{"error", "the standby reaper is gone"});
}

engine::Event LocalWorld::translate(const guard::GuardEvent& event) {
  using Kind = guard::GuardEvent::Kind;
  bool of_an_impact = event.kind != Kind::kHalting && event.kind != Kind::kHalted &&
                      event.kind != Kind::kNothingInForce && event.kind != Kind::kGuardGone;
  if (of_an_impact && (event.impact < 0 || static_cast<size_t>(event.impact) >= victims_.size()))
    return engine::HaltAsked{"error", fmt::format("the guard spoke of the impact {}, which is none", event.impact)};
  switch (event.kind) {
    case Kind::kChecked:
      return engine::Checked{event.impact};
    case Kind::kCheckFailed:
      return engine::CheckFailed{event.impact, event.error};
    case Kind::kApplied:
      failpoint("engine.injected");
      return engine::Applied{event.impact, event.steps, event.applied};
    case Kind::kApplyFailed:
      return engine::ApplyFailed{event.impact, event.error};
    case Kind::kVictimGone:
      return engine::VictimGone{event.impact, event.why};
    case Kind::kReverted:
      failpoint("engine.reverted");
      return engine::Reverted{event.impact,  event.clean,    event.broken, event.why,  event.error.what,
                              event.applied, event.reverted, event.took,   event.proof};
    case Kind::kNothingInForce:
      return engine::NothingInForce{};
    case Kind::kHalting:
    case Kind::kHalted:
      return engine::HaltAsked{event.by, event.why};
    case Kind::kGuardGone:
      break;
  }
  return end_run(event);
}

// The standby sees to it that nothing of the run lives or is in force any more, after whatever happened.
engine::GuardLost LocalWorld::end_run(const guard::GuardEvent& event) {
  guard_lost_ = true;
  auto dead = guard_.end_run(event.hung ? Nanos(0) : kReaperGrace);
  std::string how = event.hung ? "the guard hung (" + event.why + ") and was ended" : "the guard ended unexpectedly";
  if (!dead) return {standby_lost_ || !guard_.standby_alive() ? left_behind() : dead.error().message(), how};
  if (!dead->undone.empty())
    how += ", its reaper did not undo, and the standby reaper did: " + join(dead->undone, "; ");
  return {join(dead->failed, "; "), how};
}

// After the guard's death its reaper undoes what is journalled; nothing is left once its journal is gone.
std::string LocalWorld::left_behind() const {
  std::string journal = paths_.journal(run_id_);
  BootTime until = boot_now() + kReaperLimit;
  while (::access(journal.c_str(), F_OK) == 0) {
    auto lock = guard::lock_journal(journal);
    if (lock && *lock && ::access(journal.c_str(), F_OK) == 0) return "the journal " + journal + " is not undone";
    if (boot_now() > until) return "the reaper still works on " + journal;
    std::this_thread::sleep_for(10ms);
  }
  // Its cgroup and folder too, also where guard and reaper died before they could.
  auto buried = guard::bury_run(paths_, run_id_, kReaperLimit);
  return buried ? "" : buried.error().message();
}

// Each trouble of a scraped page once, whatever its numbers, and of one page not more than a few.
void LocalWorld::remark(const std::string& of, const std::string& trouble) {
  auto& told = remarked_[of];
  std::string kind = trouble;
  std::erase_if(kind, [](unsigned char c) { return std::isdigit(c) != 0; });
  if (trouble.empty() || told.size() >= kMostRemarks) return;
  if (std::find(told.begin(), told.end(), kind) != told.end()) return;
  told.push_back(std::move(kind));
  events_.push_back(engine::Remarked{of + ": " + trouble});
}

void LocalWorld::collect_remarks() {
  for (const auto& status : watcher_->scrapes()) remark(status.url, status.trouble);
  for (const std::string& loss : watcher_->store().losses()) remark("what is scraped", loss);
}

void LocalWorld::collect_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info)
    events_.push_back(engine::HaltAsked{"signal", strsignal(static_cast<int>(info.ssi_signo))});
}

void LocalWorld::look_for(const engine::LookForReturn& look) {
  // One list for all victims that are looked for in one go.
  if (boot_now() - listed_ > kListFor) {
    processes_ = sys::list_processes().value_or(std::vector<sys::Process>{});
    listed_ = boot_now();
  }
  auto began = incarnations_.at(look.impact).back(processes_, look.since);
  events_.push_back(engine::Returned{look.impact, began.has_value(), began.value_or(look.since)});
}

void LocalWorld::perform(const engine::Action& action) {
  if (auto* look = std::get_if<engine::Look>(&action)) watcher_->look(look->expectation, look->since);
  if (auto* act = std::get_if<engine::Act>(&action)) {
    failpoint("engine.before_action");
    rollback_->act(act->why);
  }
  if (auto* look = std::get_if<engine::LookForReturn>(&action)) look_for(*look);
  if (guard_lost_) return;
  if (auto* check = std::get_if<engine::Check>(&action))
    guard_.check(check->impact, victims_.at(check->impact), experiment_.attack);
  if (auto* inject = std::get_if<engine::Inject>(&action)) {
    failpoint("engine.before_inject");
    guard_.inject(inject->impact, victims_.at(inject->impact), experiment_.attack);
    failpoint("engine.asked_to_inject");
  }
  if (std::holds_alternative<engine::Renew>(action)) guard_.renew();
  if (auto* revert = std::get_if<engine::RevertAll>(&action)) {
    failpoint("engine.before_revert");
    guard_.revert_all(revert->why);
    failpoint("engine.asked_to_revert");
  }
}

}  // namespace ordeal::cli
