// What a Course makes of what its guard says, and of the guard's end.
#include "app/agent/course/course.h"
#include "app/agent/course/impact_words.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kTellAfter = 250ms;  // what a burst of victims does is one status

}  // namespace

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

}  // namespace ordeal::agent
