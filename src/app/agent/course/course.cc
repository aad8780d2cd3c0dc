#include "app/agent/course/course.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/agent/course/impact_words.h"
#include "core/base/duration.h"
#include "core/model/run/run_id.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kLeastLease = 1s;
constexpr Nanos kMostLease = 60s;    // so long may an agent be cut off, and its impact in force
constexpr Nanos kReadAgain = 500ms;  // after a failed read
constexpr Nanos kTellAfter = 250ms;  // what a burst of victims does is one status

}  // namespace

ExperimentLook look_of(const cluster::ExperimentObject& experiment) {
  return {experiment.uid, experiment.deleting, experiment.status.run, experiment.status.renewal};
}

std::optional<EndCause> cause_to_end(const cluster::InjectionSpec& spec, const std::optional<ExperimentLook>& look) {
  std::string name = "the Experiment " + spec.experiment;
  if (!look) return EndCause{"person", name + " is gone"};
  if (look->uid != spec.experiment_uid) return EndCause{"person", name + " is another one of that name"};
  if (look->deleting) return EndCause{"person", name + " is being deleted"};
  if (look->run != spec.run)
    return EndCause{"error", fmt::format("{} is in the run \"{}\", and this is of {}", name, look->run, spec.run)};
  if (!look->renewal.stop.empty()) return EndCause{"", look->renewal.stop};
  return std::nullopt;
}

Result<> check_spec(const cluster::InjectionSpec& spec, const std::string& node) {
  auto refuse = [](const std::string& field, const std::string& why) {
    return fail(Errc::kInvalidInput, fmt::format("spec.{}: {}", field, why));
  };
  if (!is_run_id(spec.run)) return refuse("run", fmt::format("\"{}\" is no run's id", spec.run));
  if (spec.node != node) return refuse("node", fmt::format("{} is not this node, {}", spec.node, node));
  if (spec.lease < kLeastLease || spec.lease > kMostLease)
    return refuse("lease", fmt::format("{} is not from 1s to 60s", format_duration(spec.lease)));
  if (spec.impacts.empty()) return refuse("impacts", "there is none");
  std::set<int> ids;
  for (size_t i = 0; i < spec.impacts.size(); ++i) {
    const cluster::PlannedImpact& impact = spec.impacts[i];
    std::string field = fmt::format("impacts[{}].", i);
    if (impact.id < 0 || !ids.insert(impact.id).second) return refuse(field + "id", "it is not one of its own");
    if (impact.at != Nanos(0)) return refuse(field + "at", "an impact that begins later is not known to this agent");
    if (!impact.peers.empty()) return refuse(field + "peers", "peers are not known to this agent");
    const std::string& kind = impact.victim.kind;
    if (kind != "pod" && kind != "container" && kind != "node")
      return refuse(field + "victim.kind", fmt::format("\"{}\" is not pod, container or node", kind));
  }
  return {};
}

Course::Course(cluster::InjectionSpec spec, std::string agent, WallOffset offset)
    : spec_(std::move(spec)), offset_(offset) {
  status_.agent = std::move(agent);
  for (const cluster::PlannedImpact& planned : spec_.impacts) status_.impacts.push_back({planned.id});
  for (size_t i = 0; i < spec_.impacts.size(); ++i) {
    Impact impact;
    impact.planned = &spec_.impacts[i];
    impact.status = &status_.impacts[i];
    impacts_.push_back(std::move(impact));
  }
}

ToDos Course::start(BootTime now) {
  now_ = confirmed_ = now;
  read_experiment();
  do_next(todo::ReadHalt{});
  return std::exchange(out_, {});
}

ToDos Course::handle(BootTime now, Happened what) {
  now_ = std::max(now_, now);
  end_with_the_lease();
  if (!finished()) std::visit([this](auto& one) { on(one); }, what);
  return std::exchange(out_, {});
}

ToDos Course::tick(BootTime now) {
  now_ = std::max(now_, now);
  end_with_the_lease();
  if (lives() && read_at_ && now_ >= *read_at_) read_experiment();
  if (tell_at_ && now_ >= *tell_at_) {
    tell_at_.reset();
    if (lives()) do_next(todo::WriteStatus{});
  }
  return std::exchange(out_, {});
}

void Course::end_with_the_lease() {
  if (!lives() || now_ < confirmed_ + spec_.lease) return;
  std::string why = fmt::format("no renewal within {}", format_duration(spec_.lease));
  end({"lease", no_read_.empty() ? why : why + ": " + no_read_});
}

BootTime Course::next_wake() const {
  if (!lives()) return BootTime::max();
  BootTime next = confirmed_ + spec_.lease;
  if (read_at_) next = std::min(next, *read_at_);
  if (tell_at_) next = std::min(next, *tell_at_);
  return next;
}

void Course::read_experiment() {
  asked_ = now_;
  read_at_.reset();
  do_next(todo::ReadExperiment{});
}

void Course::on(happened::ReadExperiment& what) {
  read_at_ = std::max(now_, what.asked + spec_.lease / 3);
  no_read_.clear();
  if (!lives()) return;
  if (auto cause = cause_to_end(spec_, what.look)) return end(*cause);
  const cluster::Renewal& renewal = what.look->renewal;
  bool first = !looked_;
  bool grown = first || renewal.count > looked_->renewal.count;
  if (grown) {
    confirmed_ = what.asked;
    status_.renewal = renewal.count;
    if (guard_) do_next(todo::Renew{});
    looked_ = what.look;
  }
  // Either of us may be behind: what is engaged now is asked of the server.
  bool other_halt = halt_ && (*halt_ ? (*halt_)->tag() : "") != renewal.halt;
  if (!first && grown && other_halt) do_next(todo::ReadHalt{});
  look_whether_to_begin();
  look_for_go(renewal);
}

// What it allows counts only in a consistent read; what it forbids counts at once.
void Course::on(happened::SawExperiment& what) {
  if (!lives()) return;
  if (stage_ != Stage::kLooking)
    if (auto cause = cause_to_end(spec_, what.look)) return end(*cause);
  if (!what.look || !looked_ || !read_at_) return;
  const cluster::Renewal& renewal = what.look->renewal;
  bool renewed = renewal.count > looked_->renewal.count && now_ >= asked_ + spec_.lease / 6;
  if (renewed || (stage_ == Stage::kWaiting && renewal.go)) read_experiment();
}

void Course::on(happened::CouldNotRead& what) {
  no_read_ = what.why;
  read_at_ = now_ + kReadAgain;
}

void Course::on(happened::SawHalt& what) {
  if (halt_ || what.read) halt_ = what.halt;
  if (!lives()) return;
  if (what.halt && what.halt->engaged) {
    std::string by = what.halt->by.empty() ? "" : fmt::format(" (by {})", what.halt->by);
    return end({"latch", fmt::format("the cluster's halt is engaged: {}{}", what.halt->reason, by)});
  }
  look_whether_to_begin();
}

void Course::look_whether_to_begin() {
  if (stage_ != Stage::kLooking || !looked_ || !halt_) return;
  stage_ = Stage::kFinding;
  do_next(todo::FindVictims{});
}

void Course::on(happened::FoundVictims& what) {
  if (stage_ != Stage::kFinding) return;
  for (size_t i = 0; i < impacts_.size() && i < what.victims.size(); ++i) {
    if (what.victims[i]) {
      impacts_[i].victim = std::move(*what.victims[i]);
    } else {
      fail_impact(impacts_[i], what.victims[i].error());
    }
  }
  if (count(Progress::kPlanned) == 0) return report();
  stage_ = Stage::kStarting;
  do_next(todo::StartGuard{});
}

void Course::on(happened::CannotBegin& what) {
  if (stage_ < Stage::kFinding || stage_ >= Stage::kEnding || guard_) return;
  if (what.error.code == Errc::kRevertFailed) left_ = what.error.message();
  fail_rest(what.error);
  report();
}

void Course::on(happened::GuardReady&) {
  guard_ = true;
  if (stage_ != Stage::kStarting) return end_guard();
  stage_ = spec_.waits_for_go ? Stage::kChecking : Stage::kInjecting;
  ask_all(Progress::kPlanned, !spec_.waits_for_go);
}

void Course::ask_all(Progress of, bool inject) {
  for (Impact& impact : impacts_) {
    if (impact.progress != of) continue;
    impact.progress = Progress::kAsked;
    int id = impact.planned->id;
    do_next(inject ? ToDo(todo::Inject{id}) : ToDo(todo::Check{id}));
  }
}

void Course::look_for_go(const cluster::Renewal& renewal) {
  if (stage_ != Stage::kWaiting || !renewal.go) return;
  stage_ = Stage::kInjecting;
  tell_at_.reset();
  ask_all(Progress::kChecked, true);
}

void Course::on(happened::GuardSaid& what) {
  if (!guard_) return;
  guard_said(what.event);
}

void Course::guard_said(const guard::GuardEvent& event) {
  using Type = guard::GuardEvent::Type;
  if (event.kind == Type::kHalting && status_.halted_by.empty() && lives()) {
    status_.halted_by = event.by == "engine" ? "error" : event.by;
    status_.why = event.why;
  }
  if (event.kind == Type::kHalting && lives()) stage_ = Stage::kReverting;
  if (event.kind == Type::kHalted || event.kind == Type::kNothingInForce) return end_guard();
  Impact* impact = find(event.impact);
  if (!impact) return;
  if (event.kind == Type::kChecked) {
    impact->progress = Progress::kChecked;
    impact->status->state = "checked";
  }
  if (event.kind == Type::kCheckFailed || event.kind == Type::kApplyFailed) fail_impact(*impact, event.error);
  if (event.kind == Type::kApplied) applied(*impact, event);
  if (event.kind == Type::kVictimGone) {
    impact->status->state = "gone";
    impact->status->why = event.why;
  }
  if (event.kind == Type::kReverted) reverted(*impact, event);
  go_on();
}

void Course::applied(Impact& impact, const guard::GuardEvent& event) {
  impact.progress = Progress::kInForce;
  impact.applied = event.applied;
  impact.status->state = "injected";
  impact.status->steps = event.steps;
}

void Course::reverted(Impact& impact, const guard::GuardEvent& event) {
  impact.progress = Progress::kOver;
  cluster::ImpactStatus& status = *impact.status;
  if (status.state != "gone") {
    status.state = "reverted";
    status.why = event.why;
  }
  status.in_force = event.reverted - event.applied;
  status.took = event.took;
  status.broken = event.broken;
  status.clean = event.clean;
  status.proof = event.proof;
  if (!event.clean) {
    status.error = event.error.message();
    status.code = code_text(Errc::kRevertFailed);
  }
  if (stage_ == Stage::kInForce) tell_at_ = tell_at_.value_or(now_ + kTellAfter);
}

void Course::go_on() {
  bool answered = count(Progress::kAsked) == 0;
  if (stage_ == Stage::kChecking && answered) {
    if (count(Progress::kChecked) == 0) return end_guard();
    stage_ = Stage::kWaiting;
    say("checked");
    if (looked_) look_for_go(looked_->renewal);
  } else if (stage_ == Stage::kInjecting && answered) {
    if (count(Progress::kInForce) == 0) return end_guard();
    stage_ = Stage::kInForce;
    say("injected");
  } else if (stage_ == Stage::kInForce && count(Progress::kInForce) == 0) {
    end_guard();
  }
}

void Course::on(happened::Stop& what) { end(what.cause); }

void Course::end(const EndCause& cause) {
  if (!lives()) return;
  status_.halted_by = cause.by;
  status_.why = cause.why;
  if (stage_ == Stage::kStarting) {  // GuardReady ends it
    stage_ = Stage::kReverting;
    return;
  }
  if (!guard_) {
    fail_rest({Errc::kNotInjected, "ended before it began: " + cause.why, 0, "", nullptr});
    return report();
  }
  stage_ = Stage::kReverting;
  do_next(todo::RevertAll{cause.why});
}

void Course::end_guard() {
  if (stage_ >= Stage::kEnding) return;
  stage_ = Stage::kEnding;
  do_next(todo::EndGuard{});
}

void Course::on(happened::GuardEnded& what) {
  if (stage_ != Stage::kEnding) return;
  guard_ = false;
  if (what.error) {
    if (what.error->code == Errc::kRevertFailed) left_ = what.error->message();
    if (status_.halted_by.empty()) status_.halted_by = "error", status_.why = what.error->message();
  }
  report();
}

void Course::on(happened::GuardLost& what) {
  if (!guard_ || stage_ >= Stage::kReporting) return;
  guard_ = false;
  for (Impact& impact : impacts_) {
    if (impact.progress != Progress::kInForce && impact.progress != Progress::kAsked) continue;
    cluster::ImpactStatus& status = *impact.status;
    if (impact.progress == Progress::kInForce) status.in_force = now_ - impact.applied;
    impact.progress = Progress::kOver;
    status.state = "reverted";
    status.broken = true;
    status.why = what.how;
  }
  left_ = what.failed;
  if (status_.halted_by.empty()) status_.halted_by = "error", status_.why = what.how;
  report();
}

// A state of its own in the status, which begins with it.
void Course::say(const char* state) {
  status_.state = state;
  set_conditions(status_, offset_.wall(now_));
  do_next(todo::WriteStatus{});
}

void Course::report() {
  stage_ = Stage::kReporting;
  tell_at_.reset();
  fail_rest({Errc::kNotInjected, status_.why.empty() ? "it was not injected" : status_.why, 0, "", nullptr});
  tell_what_is_left();
  say("reverted");
}

// Whose it is that something is left of is not known, so no impact counts as clean; also one that failed may have been
// in force in part.
void Course::tell_what_is_left() {
  for (cluster::ImpactStatus& status : status_.impacts) {
    if (left_.empty()) break;
    if (status.error.find(left_) == std::string::npos) status.error += (status.error.empty() ? "" : "; ") + left_;
    status.code = code_text(Errc::kRevertFailed);
    status.clean = false;
  }
  auto left = std::find_if(status_.impacts.begin(), status_.impacts.end(), [](const auto& one) { return !one.clean; });
  if (left != status_.impacts.end()) do_next(todo::EngageLatch{left->error});
}

void Course::on(happened::StatusWritten&) {
  if (stage_ != Stage::kReporting) return;
  stage_ = Stage::kReleasing;
  do_next(todo::Release{});
}

void Course::on(happened::Released&) {
  if (stage_ == Stage::kReleasing) stage_ = Stage::kDone;
}

void Course::fail_impact(Impact& impact, const Error& error) {
  impact.progress = Progress::kFailed;
  impact.status->state = "failed";
  impact.status->error = error.message();
  impact.status->hint = error.advice();
  impact.status->code = code_text(error.code);
  impact.status->clean = error.code != Errc::kRevertFailed;
}

// Those of which nothing was ever in force.
void Course::fail_rest(const Error& error) {
  for (Impact& impact : impacts_)
    if (impact.progress == Progress::kPlanned || impact.progress == Progress::kAsked ||
        impact.progress == Progress::kChecked)
      fail_impact(impact, error);
}

size_t Course::count(Progress progress) const {
  return static_cast<size_t>(std::count_if(impacts_.begin(), impacts_.end(),
                                           [&](const Impact& impact) { return impact.progress == progress; }));
}

Course::Impact* Course::find(int impact) {
  for (Impact& one : impacts_)
    if (one.planned->id == impact) return &one;
  return nullptr;
}

const Course::Impact* Course::find(int impact) const { return const_cast<Course*>(this)->find(impact); }

}  // namespace ordeal::agent
