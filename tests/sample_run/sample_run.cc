#include "sample_run/sample_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/random.h"
#include "run/engine/session.h"

namespace ordeal {
namespace {

constexpr Nanos kWall{1795464904 * 1'000'000'000LL};
constexpr BootTime kBoot{812'004'000'000'000ns};

Expectation expectation(const char* name, const char* query, const char* condition) {
  Expectation expectation;
  expectation.name = name;
  expectation.query = query;
  expectation.condition = condition;
  expectation.for_ = Nanos(0);
  return expectation;
}

engine::Setup setup_of(const SampleOptions& options) {
  engine::Setup setup;
  Experiment& experiment = setup.experiment;
  experiment.name = "Network Latency - 500ms delay";
  experiment.hypothesis = "System maintains p95 latency < 1s with 500ms network delay";
  experiment.description = "Every answer of the payment service comes half a second late.";
  experiment.attack.type = "latency";
  experiment.attack.args = {{"delay", "500ms"}, {"protocol", "tcp"}, {"port", 8000}};
  experiment.attack.length = options.attack;
  experiment.sources.prometheus = "http://127.0.0.1:9090";
  experiment.seed = 42;
  experiment.baseline = options.baseline;
  experiment.recovery = options.recovery;
  experiment.attack.given = {"delay", "port"};
  if (options.troubled) experiment.min_injected = 25;
  if (options.kills) {
    experiment.name = "One of three replicas dies";
    experiment.hypothesis = "Two replicas carry the load, and the third is restarted";
    experiment.description = "";
    experiment.attack.type = "shutdown";
    experiment.attack.args = {{"delay", "4s"}, {"reboot", false}};
    experiment.attack.given = {"delay"};
    experiment.attack.lead_in = 4s;
    experiment.target.percentage = 50;
    setup.candidates = 3;
    setup.one_way = true;
  }
  experiment.rollback = {{CommandAction{{"/usr/local/bin/rollback", "--to", "previous"}}}};
  experiment.expect = {
      expectation("p95 latency",
                  "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[1m])))",
                  "result < 1"),
      expectation("error rate",
                  "sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))",
                  "result < 0.01"),
      expectation("replicas up", "count(up{job=\"api\"} == 1)", "result >= 2")};
  if (options.unproven) experiment.attack.min_events = 10;
  for (const Expectation& each : experiment.expect) setup.judges.push_back(*judge::Judge::create(each));
  if (options.counted) setup.triggers = {judge::FastTrigger::create(experiment, experiment.expect[0]), {}, {}};
  for (int i = 1; i <= (options.troubled ? 4 : options.kills ? 1 : 3); ++i) {
    setup.victims.emplace_back();
    setup.victims.back().name = fmt::format("api-{}", i);
  }
  return setup;
}

class SampleWorld : public Watcher, public Injector, public Actuator, public RecoveryWatcher {
 public:
  explicit SampleWorld(const SampleOptions& options) : options_(options) {
    at(kBoot + 6200ms, engine::Warning{"error rate had no data for 1.8 s during the baseline"});
  }

  engine::World parts() {
    return {*this, *this, *this, *this, [this] { return now_; }};
  }
  engine::Inbox inbox;
  // Goes on to `until`, or to what comes before.
  void wait(BootTime until) {
    if (!coming_.empty()) until = std::min(until, coming_.begin()->first);
    now_ = std::max(now_, until);
    for (; !coming_.empty() && coming_.begin()->first <= now_; coming_.erase(coming_.begin()))
      inbox.push_back(coming_.begin()->second);
  }

  void look(size_t expectation, BootTime) override { at(now_, engine::Observed{expectation, see(expectation)}); }
  int descriptor() const override { return -1; }
  void dispatch() override {}
  void check(int impact, const Victim&, const Attack&) override { at(now_ + 2ms, engine::Checked{impact}); }
  void inject(int impact, const Victim& victim, const Attack&) override;
  void renew() override {}
  void revert_all(const std::string&) override;
  void act(const std::string&) override;
  void look_for_return(int impact, BootTime) override {
    BootTime back = killed_.value_or(BootTime::max() - 2s) + 1300ms;
    at(now_ + 1ms, engine::Returned{impact, options_.comes_back && now_ >= back, back});
  }

 private:
  void at(BootTime time, engine::Event event) { coming_.emplace(time, std::move(event)); }
  engine::Reverted reverted(int impact, BootTime when, const char* why) const;
  Observation see(size_t expectation);
  void count(Observation& seen);
  double latency();
  bool breaks() const { return options_.breach_after < options_.attack; }

  SampleOptions options_;
  BootTime now_ = kBoot;
  std::multimap<BootTime, engine::Event> coming_;
  std::map<int, BootTime> in_force_;
  std::optional<BootTime> killed_;
  Random random_{7};
  double latency_ = 0.21;
  BootTime counted_until_ = kBoot;
  double bad_ = 0, total_ = 0;
};

void SampleWorld::inject(int impact, const Victim& victim, const Attack&) {
  BootTime then = now_ + 12ms * (impact + 1);
  if (options_.refused && impact == 1)
    return at(then, engine::ApplyFailed{1, Error{Errc::kRefused, "api-2 is protected: label tier=critical", 0,
                                                 "choose another victim, or ask whoever owns the policy", nullptr}});
  if (impact == 3) return at(then, engine::ApplyFailed{3, Error{Errc::kNotInjected, "no queue is free"}});
  in_force_[impact] = then;
  Step step;
  step.victim = victim.name;
  step.action =
      fmt::format("delay arriving TCP packets of port 8000 by 500 ms in network namespace 402653220{}", impact);
  step.undo = "the kernel removes the table when the guard's socket closes";
  step.proof = "packets matched and their added delay";
  if (options_.kills) {
    killed_ = then + 4s;
    step.kind = StepKind::kOneWay;
    step.action = "after 4s, SIGKILL to all 2 processes: api (pid 4711), api (pid 4712)";
    step.undo = "none: irreversible; until the delay is over, ending the run cancels it";
    step.proof = "all processes of the victim died, seen through their pidfds";
  }
  step.claims = {fmt::format("netns:402653220{}/delay", impact)};
  at(then, engine::Applied{impact, {step}, then});
  if (!options_.troubled || impact != 1) return;
  at(then + 2s, engine::VictimGone{1, "its first process has ended"});
  at(then + 2s, reverted(1, then + 2s, "the victim is gone"));
}

engine::Reverted SampleWorld::reverted(int impact, BootTime when, const char* why) const {
  Proof proof{true, "4 127 packets delayed, median 500.3 ms added", "", 500, 500.3, "ms"};
  proof.coverage = {{"arrival", 4127, 0, "packets", ""}};
  if (options_.unproven) {
    proof.proven = false;
    proof.measured = "0 packets delayed";
    proof.reason =
        "no packet matched in the whole attack; check the port, and whether traffic reaches this victim at all";
    proof.got = 0;
    proof.coverage.clear();
  }
  if (options_.kills) {
    proof = {true, "2 of 2 killed processes died", "", 2, 2, "processes", {{"killed", 2, 0, "processes", ""}}};
    proof.lasting = "2 processes were killed";
    proof.may_return = true;
    proof.moments = {*killed_};
  }
  bool fails = options_.revert_fails && impact == 2;
  BootTime applied = in_force_.at(impact);
  const char* error = fails ? "another program changed the rule meanwhile; it was left as it is" : "";
  return {impact, !fails, false, why, error, applied, when, Nanos(6200us), proof};
}

void SampleWorld::revert_all(const std::string&) {
  BootTime end = now_;
  for (const auto& [impact, applied] : in_force_) {
    if (options_.troubled && impact == 1) continue;
    end += 9ms;
    at(end, reverted(impact, end, "attack finished"));
  }
  in_force_.clear();
  at(end, engine::NothingInForce{});
}

void SampleWorld::act(const std::string&) {
  events::Action action;
  action.kind = "command";
  action.action = "run /usr/local/bin/rollback --to previous";
  action.command = {"/usr/local/bin/rollback", "--to", "previous"};
  action.ok = !options_.rollback_fails;
  action.result = action.ok ? "exited with 0" : "exited with 1";
  action.output = action.ok ? "deployment rolled back" : "error: no revision to roll back to";
  action.took = 640ms;
  at(now_ + 640ms, engine::Acted{action, true});
}

// Rises while the fault is in force, and goes over the limit at the moment that was asked for.
double SampleWorld::latency() {
  BootTime begin = killed_ ? *killed_ : in_force_.empty() ? BootTime::max() : in_force_.begin()->second;
  bool faulty = !in_force_.empty() && begin <= now_;
  if (faulty && breaks() && now_ - begin >= options_.breach_after && !options_.counted) return latency_ = 1.03;
  double goal = !faulty ? 0.21 : breaks() ? 0.95 : 0.61;
  latency_ += (goal - latency_) * (goal > latency_ ? 0.04 : 0.4) * to_seconds(options_.interval) / 0.2;
  return std::min(latency_ * (1 + 0.03 * random_.normal()), 0.99);
}

// Of 40 requests a second some are slow once the fault is in force; the query of a minute does not show it yet.
void SampleWorld::count(Observation& seen) {
  double fresh = std::max(0.0, 40 * to_seconds(now_ - counted_until_));
  counted_until_ = now_;
  total_ += fresh;
  if (!in_force_.empty() && now_ - in_force_.begin()->second > options_.breach_after) bad_ += fresh * 0.34;
  Counts counts;
  counts.groups = {{"", std::floor(bad_), std::floor(total_)}};
  counts.read_until_ms = (kWall + (now_ - kBoot)) / 1ms;
  counts.read_since = now_;
  seen.counts = counts;
}

Observation SampleWorld::see(size_t expectation) {
  Observation seen{Observation::Outcome::kValues, true, {{"", 3}}, "", Nanos(1300us)};
  seen.taken = DataTimes{now_, now_, now_, now_};
  if (expectation == 0) seen.values[0].second = latency() * (options_.small ? 0.024 : 1);
  if (expectation == 0 && options_.counted) count(seen);
  bool dead = killed_ && now_ >= *killed_ && (!options_.comes_back || now_ < *killed_ + 1300ms);
  if (expectation == 2 && dead) seen.values[0].second = 2;
  if (expectation != 1) return seen;
  bool faulty = !in_force_.empty();
  seen.values[0].second = std::max(0.0, 0.002 + (faulty ? 0.003 : 0) + 0.0006 * random_.normal());
  auto since = now_ - kBoot;
  if (since <= 4s || since >= 6s) return seen;
  seen.kind = Observation::Outcome::kStale;
  seen.values.clear();
  seen.error = "http_requests_total";
  return seen;
}

}  // namespace

std::vector<RunEvent> sample_run(const SampleOptions& options) {
  std::vector<RunEvent> events;
  SampleWorld world(options);
  WallOffset offset{kWall - kBoot.time_since_epoch()};
  engine::Session session(setup_of(options), world.parts(), world.inbox,
                          {"r20261123t201504z-k3f9a", offset, options.interval},
                          [&](const RunEvent& event) { events.push_back(event); });
  session.start();
  while (!session.finished()) {
    world.wait(session.next_wake());
    session.dispatch();
  }
  if (options.verdict) return events;
  auto ends = [](const RunEvent& event) {
    const auto* phase = as<events::PhaseBegun>(event);
    return phase && phase->phase == Phase::kRevert;
  };
  events.erase(std::find_if(events.begin(), events.end(), ends), events.end());
  return events;
}

SampleOptions held_sample() {
  SampleOptions options;
  options.breach_after = 1h;
  return options;
}

SampleOptions long_sample() {
  SampleOptions options = held_sample();
  options.attack = 560s;
  options.recovery = 30s;
  return options;
}

SampleOptions troubled_sample() {
  SampleOptions options;
  options.troubled = true;
  return options;
}

std::vector<SampleKind> sample_kinds() {
  SampleOptions held = held_sample(), counted, unproven, not_injected = held_sample(), refused, rollback, revert;
  SampleOptions interrupted, small = held_sample(), killed = held_sample(), dead = held_sample();
  counted.counted = unproven.unproven = not_injected.unproven = refused.refused = true;
  rollback.rollback_fails = revert.revert_fails = small.small = true;
  interrupted.verdict = false;
  killed.kills = dead.kills = true;
  killed.attack = dead.attack = 20s;
  dead.comes_back = false;
  for (SampleOptions* options : {&held, &not_injected, &small}) options->attack = 20s;
  return {{"held", held},
          {"deviated", {}},
          {"counted", counted},
          {"not-proven", unproven},
          {"not-injected", not_injected},
          {"refused", refused},
          {"failed-rollback", rollback},
          {"failed-revert", revert},
          {"killed", killed},
          {"dead", dead},
          {"interrupted", interrupted},
          {"troubled", troubled_sample()},
          {"long", long_sample()},
          {"small", small}};
}

}  // namespace ordeal
