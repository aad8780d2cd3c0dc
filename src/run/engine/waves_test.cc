// Several attacks, pulses and steps, with a guard that does as it is told and ends each impact at its length.
#include <gtest/gtest.h>

#include <map>

#include "run/engine/session.h"
#include "run/engine/testing.h"

namespace ordeal::engine {
namespace {

constexpr Nanos kInstant = 50ms;

struct Driven {
  Machine machine;
  BootTime now{};
  Nanos apply_takes{0};
  Nanos revert_takes{0};
  Nanos check_takes{0};
  Nanos window{0};  // of the query
  std::set<int> refused, unproven, silent;
  std::map<int, BootTime> asked, in_force;  // since when
  std::map<int, BootTime> ended;            // and told at that time
  std::map<int, std::pair<BootTime, BootTime>> spans;
  std::map<int, BootTime> checked;           // asked at
  std::vector<std::pair<int, bool>> checks;  // whether ahead
  std::set<int> unfit;
  std::vector<std::string> parts;  // of the impacts in the order of their starts
  std::optional<Verdict> verdict;
  bool looks = true;
  double value = 0;

  explicit Driven(Setup setup) : machine(std::move(setup)) { take(machine.start(now)); }

  void take(const Actions& actions) {
    for (const Action& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
  }
  void perform(const auto&) {}
  void perform(const Check& check) {
    checked.emplace(check.impact, now);
    checks.emplace_back(check.impact, check.ahead);
  }
  void perform(const Inject& inject) { asked.emplace(inject.impact, now); }
  void perform(const RevertAll&) {
    for (const auto& [impact, since] : in_force) ended.emplace(impact, now + revert_takes);
  }
  void perform(const Emit& emitted) {
    if (auto* injected = std::get_if<events::Injected>(&emitted.data)) parts.push_back(injected->part);
  }
  void perform(const Finish& finish) { verdict = finish.verdict; }
  void feed(const Event& event) { take(machine.handle(now, event)); }

  void answer_check(int impact) {
    if (!unfit.count(impact)) return feed(Checked{impact});
    feed(CheckFailed{impact, Error{Errc::kUnsupported, "no right to", 0, "", nullptr}});
  }
  void guard_works() {
    for (const auto& [impact, since] : std::map(checked))
      if (!silent.count(impact) && now >= since + check_takes && checked.erase(impact)) answer_check(impact);
    for (auto it = asked.begin(); it != asked.end();) {
      auto [impact, since] = *it;
      if (silent.count(impact) || now < since + apply_takes) {
        ++it;
        continue;
      }
      it = asked.erase(it);
      if (refused.count(impact)) {
        feed(ApplyFailed{impact, Error{Errc::kUnsupported, "no queue", 0, "", nullptr}});
      } else {
        in_force[impact] = now;
        feed(Applied{impact, {}, now});
      }
    }
    for (const auto& [impact, since] : in_force)
      if (now >= since + machine.attack(impact).total()) ended.emplace(impact, now + revert_takes);
    std::map<int, BootTime> due;
    for (const auto& [impact, at] : ended)
      if (now >= at) due[impact] = at;
    for (const auto& [impact, at] : due) {
      ended.erase(impact);
      spans[impact] = {in_force.at(impact), now};
      BootTime applied = in_force.at(impact);
      in_force.erase(impact);
      Proof proof{!unproven.count(impact), "m", "nothing was hit", 1, 1, ""};
      feed(Reverted{impact, true, false, "attack finished", "", applied, now, 1ms, proof});
    }
    if (machine.phase() == Phase::kRevert && in_force.empty()) feed(NothingInForce{});
  }
  void step() {
    now += kInstant;
    guard_works();
    if (machine.finished()) return;
    feed(Tick{});
    if (!looks || machine.finished()) return;
    Observation seen{Observation::Outcome::kValues, true, {{"", value}}, "", 1ms};
    seen.taken = DataTimes{now, now, now, now - window};
    feed(Observed{0, seen});
  }
  void run_for(Nanos time) {
    for (BootTime end = now + time; now < end && !machine.finished();) step();
  }
  void finish() { run_for(10min); }
  Nanos began(int impact) const { return spans.at(impact).first - spans.at(0).first; }
  Nanos lasted(int impact) const { return spans.at(impact).second - spans.at(impact).first; }
  std::string outcome() const { return verdict ? to_text(verdict->outcome) : "none"; }
};

Wave wave(size_t part, const std::string& name, Nanos at, Nanos length, bool one_way = false) {
  Wave made;
  made.part = part;
  made.name = name;
  made.at = at;
  made.attack.type = name;
  made.attack.length = length;
  made.one_way = one_way;
  made.victims = 1;
  return made;
}

Setup waves_setup(std::vector<Wave> waves) {
  Setup setup;
  setup.experiment.baseline = 1s;
  setup.experiment.recovery = 4s;
  setup.experiment.attack.length = Nanos(0);
  for (const Wave& one : waves) {
    setup.experiment.attack.length = std::max(setup.experiment.attack.length, one.end());
    for (size_t i = 0; i < one.victims; ++i) {
      setup.victims.emplace_back();
      setup.victims.back().name = "v" + std::to_string(i);
    }
  }
  setup.waves = std::move(waves);
  setup.parts.resize(std::max<size_t>(2, setup.waves.back().part + 1));
  Expectation expectation;
  expectation.name = "errors";
  expectation.command = CommandProbe{{"errors"}, 1s};
  expectation.condition = "result < 1";
  setup.judges.push_back(*judge::Judge::create(expectation));
  setup.experiment.expect.push_back(expectation);
  return setup;
}

Setup sequence() { return waves_setup({wave(0, "cpu", 0s, 10s), wave(1, "latency", 4s, 3s)}); }

TEST(Waves, EachStartsAtItsTimeAndLastsItsLength) {
  Driven run(sequence());
  run.finish();
  ASSERT_EQ(run.outcome(), "held") << run.verdict->reason;
  EXPECT_EQ(run.parts, (std::vector<std::string>{"cpu", "latency"}));
  EXPECT_NEAR(to_seconds(run.began(1)), 4, 0.11);
  EXPECT_NEAR(to_seconds(run.lasted(0)), 10, 0.11);
  EXPECT_NEAR(to_seconds(run.lasted(1)), 3, 0.16);
  EXPECT_EQ(run.verdict->reason,
            "1 expectation held during 2 attacks on 1 victim; each fault was confirmed on every required victim");
}

TEST(Waves, ThoseAtOnceAreOneWindow) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 5s), wave(1, "latency", 0s, 8s)}));
  run.finish();
  ASSERT_EQ(run.outcome(), "held") << run.verdict->reason;
  EXPECT_LT(run.began(1), kInstant);
}

TEST(Waves, BetweenTwoNothingIsInForceAndTheRunGoesOn) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 2s), wave(1, "latency", 6s, 2s)}));
  run.run_for(5s);
  EXPECT_TRUE(run.in_force.empty());
  EXPECT_EQ(run.machine.phase(), Phase::kDuring);
  run.finish();
  EXPECT_EQ(run.outcome(), "held") << run.verdict->reason;
}

TEST(Waves, TheNextPulseOfAVictimWaitsUntilTheLastOneIsOff) {
  engine::Setup setup = waves_setup({wave(0, "cpu", 0s, 2s), wave(0, "cpu", 2s, 2s), wave(0, "cpu", 4s, 2s)});
  Driven run(std::move(setup));
  run.revert_takes = 200ms;
  run.finish();
  ASSERT_EQ(run.outcome(), "held") << run.verdict->reason;
  for (int i : {1, 2}) EXPECT_GE(run.spans.at(i).first, run.spans.at(i - 1).second);
  EXPECT_NEAR(to_seconds(run.spans.at(1).second - run.spans.at(0).first), 4, 0.4) << "late is not longer";
}

TEST(Waves, WhatComesTooLateIsNotInjected) {
  for (Nanos late : {Nanos(300ms), Nanos(600ms)}) {
    Driven run(waves_setup({wave(0, "cpu", 0s, 2s), wave(0, "cpu", 2s, 2s)}));
    run.revert_takes = late;
    run.finish();
    EXPECT_EQ(run.outcome(), late > 400ms ? "not injected" : "held") << run.verdict->reason;
    bool said = run.verdict->reason.find("cpu: what was to start at 2s came") != std::string::npos;
    EXPECT_EQ(said, late > 400ms) << run.verdict->reason;
  }
}

TEST(Waves, WhatIsAppliedTooSlowlyIsNotInjected) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 10s), wave(1, "latency", 3s, 2s)}));
  run.apply_takes = 700ms;
  run.finish();
  EXPECT_EQ(run.outcome(), "not injected");
  EXPECT_TRUE(run.in_force.empty());
}

TEST(Waves, AnAttackThatFailsEndsAll) {
  Driven run(sequence());
  run.refused = {1};
  run.finish();
  EXPECT_EQ(run.outcome(), "not injected");
  EXPECT_EQ(run.verdict->reason, "latency: 0 of 1 victims could be hit, 1 are needed: v0: no queue");
  EXPECT_LT(run.lasted(0), 5s);
}

TEST(Waves, EachNeedsItsOwnProof) {
  for (int impact : {0, 1}) {
    Driven run(sequence());
    run.unproven = {impact};
    run.finish();
    EXPECT_EQ(run.outcome(), "not injected");
    EXPECT_EQ(run.verdict->reason,
              impact == 0
                  ? "cpu: the fault was confirmed on 0 of 1 victims, 1 are needed; v0: nothing was hit"
                  : "latency: the fault at 4s was confirmed on 0 of 1 victims, 1 are needed; v0: nothing was hit");
  }
}

TEST(Waves, EachNeedsItsOwnVictims) {
  engine::Setup setup = waves_setup([] {
    std::vector<Wave> waves{wave(0, "cpu", 0s, 6s), wave(1, "latency", 2s, 3s)};
    for (Wave& one : waves) one.victims = 2;
    return waves;
  }());
  setup.experiment.min_injected = 50;
  Driven run(std::move(setup));
  run.refused = {0, 3};
  run.finish();
  EXPECT_EQ(run.outcome(), "held") << run.verdict->reason;
}

TEST(Waves, HeldNeedsDataFromWhileEachWasInForce) {
  Driven run(sequence());
  run.run_for(Nanos(1s) + 200ms + 3500ms);
  run.looks = false;
  run.run_for(3500ms);
  run.looks = true;
  run.finish();
  EXPECT_EQ(run.outcome(), "inconclusive");
  EXPECT_EQ(run.verdict->reason, "\"errors\" returned no evidence while latency was in force");
}

// The first attack goes on, and is watched, for long after the second one.
TEST(Waves, HeldNeedsDataUntilTheEndOfEach) {
  for (Nanos silent : {Nanos(2s), Nanos(5s)}) {
    Driven run(waves_setup({wave(0, "cpu", 0s, 30s), wave(1, "latency", 2s, 10s)}));
    run.run_for(Nanos(1s) + 12s - silent);
    run.looks = false;
    run.run_for(silent + 200ms);
    run.looks = true;
    run.finish();
    EXPECT_EQ(run.outcome(), silent < 4s ? "held" : "inconclusive") << run.verdict->reason;
    bool said = run.verdict->reason.find("\"errors\" returned no evidence in the last 5") == 0;
    EXPECT_EQ(said, silent > 4s) << run.verdict->reason;
  }
}

TEST(Waves, PulsesMayEndWhileNobodyIsHit) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 30s), wave(1, "latency", 2s, 2s), wave(1, "latency", 20s, 2s)}));
  run.run_for(Nanos(1s) + 5s);
  run.looks = false;
  run.run_for(10s);
  run.looks = true;
  run.finish();
  EXPECT_EQ(run.outcome(), "held") << run.verdict->reason;
}

// A gauge, of which nothing is counted beside the query.
TEST(Waves, AWindowThatReachesBackBeforeAnAttackIsNoEvidenceOfIt) {
  for (Nanos window : {Nanos(1s), Nanos(4s)}) {
    Driven run(sequence());
    run.window = window;
    run.finish();
    EXPECT_EQ(run.outcome(), window < 3s ? "held" : "inconclusive") << run.verdict->reason;
  }
}

TEST(Waves, ARampIsProvenByItsLastStep) {
  for (bool sees_the_last : {true, false}) {
    engine::Setup setup = waves_setup({wave(0, "cpu", 0s, 2s), wave(0, "cpu", 2s, 2s), wave(1, "other", 0s, 9s)});
    setup.experiment.parts.resize(2);
    if (!sees_the_last) setup.experiment.parts[0].ramp = Ramp{"percent", 2, json::Object{{"to", 5}}, {}};
    Driven run(std::move(setup));
    run.run_for(Nanos(1s) + 2s);
    run.looks = false;
    run.run_for(2300ms);
    run.looks = true;
    run.finish();
    EXPECT_EQ(run.outcome(), sees_the_last ? "held" : "inconclusive") << run.verdict->reason;
  }
}

TEST(Waves, ABreachBetweenTwoPulsesEndsAll) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 2s), wave(0, "cpu", 6s, 2s)}));
  run.run_for(5s);
  run.value = 5;
  run.run_for(200ms);
  run.value = 0;
  run.finish();
  EXPECT_EQ(run.outcome(), "deviated");
  EXPECT_EQ(run.spans.size(), 1u) << "nothing starts after a breach";
}

TEST(Waves, AHaltEndsAllAndNothingStartsAfterIt) {
  for (Nanos when : {Nanos(2s), Nanos(5500ms), Nanos(9s)}) {
    Driven run(sequence());
    run.run_for(when);
    run.feed(HaltAsked{"person", "enough"});
    run.run_for(2 * kInstant);
    EXPECT_TRUE(run.in_force.empty());
    run.finish();
    EXPECT_EQ(run.outcome(), "halted");
    EXPECT_EQ(run.spans.size(), when > 5s ? 2u : 1u);
  }
}

TEST(Waves, ALostGuardEndsAll) {
  Driven run(sequence());
  run.run_for(3s);
  run.feed(GuardLost{""});
  EXPECT_EQ(run.outcome(), "error");
  EXPECT_TRUE(run.asked.empty());
}

TEST(Waves, AGuardThatDoesNotAnswerIsAnError) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 60s), wave(1, "latency", 4s, 50s)}));
  run.silent = {1};
  run.finish();
  EXPECT_EQ(run.outcome(), "error");
  EXPECT_EQ(run.verdict->reason, "latency: the guard did not answer");
}

TEST(Waves, WhatCannotBeUndoneIsDoneWhenAllElseIsInForce) {
  Driven run(waves_setup({wave(0, "kill", 0s, 5s, true), wave(1, "latency", 0s, 5s)}));
  run.apply_takes = 100ms;
  run.finish();
  EXPECT_EQ(run.parts, (std::vector<std::string>{"latency", "kill"}));
  Driven failing(waves_setup({wave(0, "kill", 0s, 5s, true), wave(1, "latency", 0s, 5s)}));
  failing.refused = {1};
  failing.finish();
  EXPECT_EQ(failing.parts, std::vector<std::string>{}) << "nobody is killed for an experiment that cannot be";
  EXPECT_EQ(failing.outcome(), "not injected");
}

TEST(Waves, AKillIsDoneAlthoughTheAttackBeforeItEndsWhileItIsChecked) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 5s), wave(1, "kill", 4900ms, 3s, true)}));
  run.check_takes = 400ms;
  run.finish();
  EXPECT_EQ(run.parts, (std::vector<std::string>{"cpu", "kill"}));
}

TEST(Waves, ALaterKillThatFailsPartWaySaysSoAtOnce) {
  std::vector<Wave> waves{wave(0, "cpu", 0s, 20s), wave(1, "kill", 2s, 15s, true)};
  waves[1].victims = 3;
  Driven run(waves_setup(std::move(waves)));
  run.refused = {1};
  run.run_for(5s);
  EXPECT_TRUE(run.in_force.empty());
  run.finish();
  EXPECT_EQ(run.outcome(), "not injected") << run.verdict->reason;
}

TEST(Waves, NobodyIsKilledWhenAnotherAttackHasLostItsVictim) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 20s), wave(1, "kill", 0s, 15s, true)}));
  run.check_takes = 1s;
  run.run_for(1500ms);
  ASSERT_EQ(run.parts, std::vector<std::string>{"cpu"});
  run.feed(VictimGone{0, "its first process has exited"});
  run.finish();
  EXPECT_EQ(run.parts, std::vector<std::string>{"cpu"});
  EXPECT_EQ(run.outcome(), "not injected") << run.verdict->reason;
}

using Checks = std::vector<std::pair<int, bool>>;

TEST(Waves, NobodyIsKilledWhenALaterKillCannotBe) {
  for (Nanos first : {Nanos(0s), Nanos(2s)}) {
    Driven run(
        waves_setup({wave(0, "cpu", 0s, 20s), wave(1, "kill", first, 15s, true), wave(2, "shot", 8s, 5s, true)}));
    run.unfit = {2};
    run.finish();
    EXPECT_EQ(run.parts, std::vector<std::string>{"cpu"});
    EXPECT_EQ(run.checks, (Checks{{1, false}, {2, true}}));
    EXPECT_EQ(run.outcome(), "not injected");
    EXPECT_EQ(run.verdict->reason,
              "shot: 0 of 1 victims can be hit, 1 are needed, so nothing was done: v0: no right to");
  }
}

TEST(Waves, WhatAnEarlierAttackHoldsIsCheckedAtItsTimeAlone) {
  std::vector<Wave> waves{wave(0, "kill", 0s, 15s, true), wave(1, "shot", 4s, 5s, true), wave(2, "end", 5s, 5s, true)};
  waves[1].ahead = false;
  Driven run(waves_setup(std::move(waves)));
  run.finish();
  EXPECT_EQ(run.checks, (Checks{{0, false}, {2, true}, {1, false}, {2, false}}));
  EXPECT_EQ(run.parts.size(), 3u);
}

TEST(Waves, ALaterKillIsCheckedAgainAtItsTime) {
  for (bool fits_then : {true, false}) {
    Driven run(waves_setup({wave(0, "kill", 0s, 15s, true), wave(1, "shot", 4s, 5s, true)}));
    run.run_for(3s);
    EXPECT_EQ(run.checks, (Checks{{0, false}, {1, true}}));
    if (!fits_then) run.unfit = {1};
    run.finish();
    EXPECT_EQ(run.checks, (Checks{{0, false}, {1, true}, {1, false}}));
    EXPECT_EQ(run.parts.size(), fits_then ? 2u : 1u);
    EXPECT_EQ(run.outcome(), fits_then ? "held" : "not injected") << run.verdict->reason;
  }
}

TEST(Waves, OfALaterKillEnoughMustFit) {
  std::vector<Wave> waves{wave(0, "kill", 0s, 15s, true), wave(1, "shot", 4s, 5s, true)};
  waves[1].victims = 2;
  for (double needed : {50, 100}) {
    engine::Setup setup = waves_setup(waves);
    setup.experiment.min_injected = needed;
    Driven run(std::move(setup));
    run.unfit = {1};
    run.finish();
    EXPECT_EQ(run.parts.size(), needed == 50 ? 2u : 0u) << run.verdict->reason;
  }
}

TEST(Waves, AKillWhoseTimeComesWhileItIsCheckedAheadIsCheckedByItself) {
  Driven run(waves_setup({wave(0, "cpu", 0s, 9s), wave(1, "kill", 2s, 7s, true), wave(2, "shot", 2600ms, 6s, true)}));
  run.check_takes = 400ms;
  run.finish();
  EXPECT_EQ(run.checks, (Checks{{1, false}, {2, true}, {2, false}}));
  EXPECT_EQ(run.parts, (std::vector<std::string>{"cpu", "kill", "shot"}));
  EXPECT_EQ(run.outcome(), "held") << run.verdict->reason;
}

TEST(Waves, AGuardThatDoesNotSayWhetherALaterKillCanBeIsAnError) {
  for (Nanos first : {Nanos(0s), Nanos(2s)}) {
    Driven run(
        waves_setup({wave(0, "cpu", 0s, 60s), wave(1, "kill", first, 50s, true), wave(2, "shot", 30s, 9s, true)}));
    run.silent = {2};
    run.finish();
    EXPECT_EQ(run.outcome(), "error") << run.verdict->reason;
    EXPECT_EQ(run.parts, std::vector<std::string>{"cpu"});
  }
}

TEST(Waves, TwoKillsGoOnByThemselves) {
  std::vector<Wave> waves{wave(0, "kill", 0s, 9s, true), wave(1, "shot", 1s, 5s, true)};
  for (Wave& one : waves) one.victims = 4;
  Driven run(waves_setup(std::move(waves)));
  run.apply_takes = 600ms;
  run.run_for(Nanos(1s) + 500ms);
  EXPECT_LE(run.asked.size(), 1u) << "one by one";
  run.finish();
  EXPECT_EQ(run.parts.size(), 8u);
}

TEST(Waves, TheSessionWakesForTheNextStart) {
  Driven run(sequence());
  EXPECT_FALSE(run.machine.next_start());
  run.run_for(2s);
  ASSERT_TRUE(run.machine.next_start());
  EXPECT_NEAR(to_seconds(*run.machine.next_start() - run.in_force.at(0)), 4, 0.01);
  run.run_for(5s);
  EXPECT_FALSE(run.machine.next_start());
}

// Answers at once, and notes when it was asked.
struct Prompt : Watcher, Injector, Actuator, RecoveryWatcher {
  BootTime now{};
  Inbox inbox;
  std::vector<BootTime> renewals;

  void look(size_t index, BootTime) override {
    Observation seen{Observation::Outcome::kValues, true, {{"", 0}}, "", 1ms};
    seen.taken = DataTimes{now, now, now, now};
    inbox.push_back(Observed{index, seen});
  }
  int descriptor() const override { return -1; }
  void dispatch() override {}
  void check(int, const Victim&, const Attack&) override {}
  void inject(int impact, const Victim&, const Attack&) override { inbox.push_back(Applied{impact, {}, now}); }
  void renew() override { renewals.push_back(now); }
  void revert_all(const std::string&) override { inbox.push_back(NothingInForce{}); }
  void act(const std::string&) override {}
  void look_for_return(int, BootTime) override {}
};

TEST(Waves, StartsTakeNoTickAway) {
  std::vector<Wave> waves{wave(0, "long", 0s, 60s)};
  for (int i = 1; i < 10; ++i) waves.push_back(wave(1, "short", seconds(i), 20s));
  Prompt world;
  Session session(waves_setup(std::move(waves)), {world, world, world, world, [&] { return world.now; }}, world.inbox,
                  {"r", WallOffset(), 2s}, [](const RunEvent&) {});
  session.start();
  while (!session.finished() && world.now < BootTime(50s)) {
    world.now = std::max(world.now, session.next_wake());
    session.dispatch();
  }
  ASSERT_GT(world.renewals.size(), 20u);
  for (size_t i = 1; i < world.renewals.size(); ++i)
    EXPECT_LE(world.renewals[i] - world.renewals[i - 1], Nanos(2s)) << "the lease would run out";
}

TEST(Waves, TheRecordSaysWhichAttackAnEventIsOf) {
  engine::Setup setup = sequence();
  setup.parts = {{"cpu", "cpu"}, {"latency", "latency"}};
  Machine machine(std::move(setup));
  Actions actions = machine.start(BootTime{});
  auto* emitted = std::get_if<Emit>(&actions.front());
  ASSERT_TRUE(emitted);
  const auto& told = std::get<events::Run>(emitted->data);
  EXPECT_EQ(told.parts.size(), 2u);
  EXPECT_EQ(told.victims, std::vector<std::string>{"v0"}) << "each victim once";
}

}  // namespace
}  // namespace ordeal::engine
