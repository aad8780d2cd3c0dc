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
  now_ = confirmed_ = halt_read_ = judged_ = now;
  read_all();
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
  if (lives() && read_at_ && now_ >= *read_at_) read_all();
  if (lives() && look_at_ && now_ >= *look_at_) look_again();
  if (tell_at_ && now_ >= *tell_at_) {
    tell_at_.reset();
    if (lives()) do_next(todo::WriteStatus{});
  }
  return std::exchange(out_, {});
}

void Course::end_with_the_lease() {
  if (!lives()) return;
  auto over = [this](BootTime last) { return now_ >= last + spec_.lease; };
  auto because = [](const std::string& cause) { return cause.empty() ? "" : ": " + cause; };
  std::string lease = format_duration(spec_.lease);
  if (over(confirmed_)) return end({"lease", fmt::format("no renewal within {}{}", lease, because(no_read_))});
  if (over(halt_read_))
    return end({"latch", fmt::format("the cluster's halt could not be read for {}, and counts as engaged", lease)});
  if (over(judged_))
    end({"error", fmt::format("policy and pods could not be read for {}{}", lease, because(no_look_))});
}

BootTime Course::next_wake() const {
  if (!lives()) return BootTime::max();
  BootTime next = std::min({confirmed_, halt_read_, judged_}) + spec_.lease;
  for (const auto& due : {read_at_, look_at_, tell_at_})
    if (due) next = std::min(next, *due);
  return next;
}

void Course::read_all() {
  asked_ = now_;
  read_at_.reset();
  do_next(todo::ReadExperiment{});
  do_next(todo::ReadHalt{});
  if (guard_) look_again();
}

// A slow server is waited for: begun anew each time, no look would ever end. The next one follows at once.
void Course::look_again() {
  look_at_.reset();
  look_after_ = looking_;
  if (std::exchange(looking_, true)) return;
  do_next(todo::LookAgain{});
}

void Course::look_ended() {
  looking_ = false;
  if (std::exchange(look_after_, false) && lives()) look_again();
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
  if (renewed || (stage_ == Stage::kWaiting && renewal.go)) read_all();
}

void Course::on(happened::CouldNotRead& what) {
  no_read_ = what.why;
  read_at_ = now_ + kReadAgain;
}

void Course::on(happened::SawHalt& what) {
  if (halt_ || what.read) halt_ = what.halt;
  if (what.read) halt_read_ = now_;
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

// A victim that is not there any more is the guard's to end; one that may not be hit any more ends everything.
void Course::on(happened::LookedAgain& what) {
  look_ended();
  if (!lives() || !guard_) return;
  for (size_t i = 0; i < impacts_.size() && i < what.victims.size(); ++i) {
    Progress progress = impacts_[i].progress;
    bool hit = progress == Progress::kAsked || progress == Progress::kChecked || progress == Progress::kInForce;
    if (hit && !what.victims[i] && what.victims[i].error().code == Errc::kRefused)
      return end({"error", what.victims[i].error().message()});
  }
  judged_ = what.asked;
  no_look_.clear();
  if (stage_ != Stage::kGoing || what.asked < going_) return;
  stage_ = Stage::kInjecting;
  ask_all(Progress::kChecked, true);
}

void Course::on(happened::CouldNotLook& what) {
  look_ended();
  if (!lives() || !guard_) return;
  if (what.error.code == Errc::kRefused) return end({"error", what.error.message()});
  no_look_ = what.error.message();
  if (!looking_) look_at_ = now_ + kReadAgain;
}

void Course::on(happened::FoundVictims& what) {
  if (stage_ != Stage::kFinding) return;
  judged_ = now_;
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
  stage_ = Stage::kGoing;
  going_ = now_;
  tell_at_.reset();
  look_again();
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
