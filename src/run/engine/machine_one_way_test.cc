// Attacks that cannot be undone: nobody is hit before enough victims passed the check, and what was done is said.
#include <gtest/gtest.h>

#include "run/engine/machine.h"

namespace ordeal::engine {
namespace {

// A killer on some victims; the one expectation always holds.
struct Killer {
  bool watches;
  Machine machine;
  BootTime now{};
  std::vector<int> checked, injected;
  int looked_for = 0;  // returns
  int reverts = 0;
  bool missing = false;  // somebody is said not to be back
  std::optional<Verdict> verdict;

  explicit Killer(int victims, double min_injected = 100) : Killer(setup(victims, min_injected)) {}
  explicit Killer(Setup setup) : watches(!setup.judges.empty()), machine(std::move(setup)) {
    take(machine.start(now));
    for (int i = 0; i < 20 && machine.phase() != Phase::kInject; ++i) tick();
  }
  static Setup setup(int victims, double min_injected) {
    Setup setup;
    setup.one_way = true;
    setup.experiment.attack.type = "process_killer";
    setup.experiment.attack.length = 2s;
    setup.experiment.baseline = 1s;
    setup.experiment.recovery = 4s;
    setup.experiment.min_injected = min_injected;
    for (int i = 0; i < victims; ++i) {
      setup.victims.emplace_back();
      setup.victims.back().name = "v" + std::to_string(i);
    }
    Expectation expectation;
    expectation.name = "errors";
    expectation.condition = "result < 1";
    setup.judges.push_back(*judge::Judge::create(expectation));
    setup.experiment.expect.push_back(expectation);
    return setup;
  }
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      if (auto* check = std::get_if<Check>(&action)) checked.push_back(check->impact);
      if (auto* inject = std::get_if<Inject>(&action)) injected.push_back(inject->impact);
      looked_for += std::holds_alternative<LookForReturn>(action);
      reverts += std::holds_alternative<RevertAll>(action);
      auto* emitted = std::get_if<Emit>(&action);
      auto* returned = emitted ? std::get_if<events::Returned>(&emitted->data) : nullptr;
      missing = missing || (returned && !returned->there);
      if (auto* finish = std::get_if<Finish>(&action)) verdict = finish->verdict;
    }
  }
  void feed(const Event& event) { take(machine.handle(now, event)); }
  void tick() {
    now += 200ms;
    feed(Tick{});
    if (!watches) return;
    Observation seen{Observation::Outcome::kValues, true, {{"", 0}}, "", 1ms};
    seen.taken = DataTimes{now, now, now, now};  // just now
    feed(Observed{0, seen});
  }
  void pass(int impact) { feed(Checked{impact}); }
  void refuse(int impact, Errc code, const std::string& why) {
    feed(CheckFailed{impact, Error{code, why, 0, "", nullptr}});
  }
  void apply(int impact) { feed(Applied{impact, {}, now}); }
  void killed(int impact, int count, bool proven = true) {
    Proof proof{proven, "m", "r", 1, 1, ""};
    if (count > 0) proof.lasting = std::to_string(count) + " processes were killed", proof.may_return = true;
    ended(impact, proof);
  }
  void ended(int impact, const Proof& proof) { feed(Reverted{impact, true, false, "why", "", now, now, 1ms, proof}); }
  Verdict end() {
    for (int i = 0; i < 200 && !verdict; ++i) tick();
    return verdict.value_or(Verdict{});
  }
};

TEST(OneWay, NobodyIsHitBeforeAllWereChecked) {
  Killer run(3);
  EXPECT_EQ(run.checked, (std::vector<int>{0, 1, 2}));
  run.pass(0);
  run.pass(2);
  EXPECT_TRUE(run.injected.empty());
  run.pass(1);
  for (int i = 0; i < 3; ++i) run.apply(i);
  EXPECT_EQ(run.injected, (std::vector<int>{0, 1, 2}));
}

TEST(OneWay, WhatFailsKeepsTheNextFromBeingHit) {
  for (Errc code : {Errc::kRefused, Errc::kNotInjected, Errc::kInternal}) {
    Killer run(3);
    for (int i = 0; i < 3; ++i) run.pass(i);
    run.apply(0);
    run.feed(ApplyFailed{1, Error{code, "it changed", 0, "", nullptr}});
    EXPECT_EQ(run.injected, (std::vector<int>{0, 1}));
    EXPECT_EQ(run.reverts, 1);
  }
}

TEST(OneWay, WhereEnoughAreLeftTheOthersAreStillHit) {
  Killer run(3, 60);
  for (int i = 0; i < 3; ++i) run.pass(i);
  run.feed(ApplyFailed{0, Error{Errc::kNotInjected, "it went", 0, "", nullptr}});
  run.apply(1);
  EXPECT_EQ(run.injected, (std::vector<int>{0, 1, 2}));
}

TEST(OneWay, AGuardThatGoesOnHasTimeForEveryVictim) {
  Killer run(4);
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 40; ++k) run.tick();  // 8 s each
    run.pass(i);
  }
  EXPECT_EQ(run.injected.size(), 1u) << "the others follow its answer";
  for (int k = 0; k < 60; ++k) run.tick();
  run.feed(NothingInForce{});
  EXPECT_EQ(run.end().outcome, Outcome::kError) << "none of them was answered";
}

TEST(OneWay, WhereTooFewCanBeHitNothingIsDone) {
  Killer run(3);
  run.refuse(0, Errc::kNotInjected, "no process named worker");
  run.pass(1);
  run.refuse(2, Errc::kNotFound, "it is gone");
  EXPECT_TRUE(run.injected.empty());
  EXPECT_EQ(run.reverts, 1) << "the guard lets go of what it held for them";
  Verdict verdict = run.end();
  EXPECT_EQ(verdict.outcome, Outcome::kNotInjected);
  EXPECT_EQ(
      verdict.reason,
      "1 of 3 victims can be hit, 3 are needed, so nothing was done: v0: no process named worker; v2: it is gone");
}

TEST(OneWay, ARefusalOfOneSavesAll) {
  Killer run(3, 30);
  run.pass(0);
  run.refuse(1, Errc::kRefused, "v1 is protected");
  run.pass(2);
  EXPECT_TRUE(run.injected.empty());
  EXPECT_EQ(run.end().outcome, Outcome::kRefused);
}

TEST(OneWay, TheNeededOnesAreHitAndTheOthersAreNotAsked) {
  Killer run(3, 60);
  run.pass(0);
  run.refuse(1, Errc::kNotInjected, "no match");
  run.pass(2);
  run.apply(0);
  EXPECT_EQ(run.injected, (std::vector<int>{0, 2}));
}

TEST(OneWay, AHaltDuringTheChecksHitsNobody) {
  Killer run(2);
  run.pass(0);
  run.feed(HaltAsked{"person", "enough"});
  run.pass(1);
  EXPECT_TRUE(run.injected.empty());
  EXPECT_EQ(run.end().outcome, Outcome::kHalted);
}

// All had passed; one changed its mind between the check and the kill.
TEST(OneWay, WhatWasKilledIsNeverCalledNotInjected) {
  Killer run(2);
  run.pass(0);
  run.pass(1);
  run.apply(0);
  run.feed(ApplyFailed{1, Error{Errc::kNotInjected, "it went", 0, "", nullptr}});
  run.killed(0, 2);
  Verdict verdict = run.end();
  EXPECT_EQ(verdict.outcome, Outcome::kInconclusive);
  EXPECT_NE(verdict.reason.find("v0: 2 processes were killed"), std::string::npos) << verdict.reason;
  EXPECT_EQ(verdict.reason.find("v1 may"), std::string::npos) << "nothing was done to it: " << verdict.reason;
}

TEST(OneWay, AnUnprovenKillIsSaid) {
  Killer run(1);
  run.pass(0);
  run.apply(0);
  for (int i = 0; i < 12; ++i) run.tick();
  run.killed(0, 3, false);
  Verdict verdict = run.end();
  EXPECT_EQ(verdict.outcome, Outcome::kInconclusive);
  EXPECT_NE(verdict.reason.find("v0: 3 processes were killed"), std::string::npos) << verdict.reason;
}

TEST(OneWay, ACancelledShutdownDidNothing) {
  Killer run(1);
  run.pass(0);
  run.apply(0);
  for (int i = 0; i < 12; ++i) run.tick();
  run.killed(0, 0, false);
  EXPECT_EQ(run.end().outcome, Outcome::kNotInjected);
}

TEST(OneWay, WhatBecameOfAVictimWhoseGuardDiedIsNotKnownAndThatIsSaid) {
  Killer run(1);
  run.pass(0);
  run.feed(GuardLost{""});
  Verdict verdict = run.end();
  EXPECT_EQ(verdict.outcome, Outcome::kError);
  EXPECT_NE(verdict.reason.find("v0 may have been hit"), std::string::npos) << verdict.reason;
}

TEST(OneWay, WhetherAVictimCameBackIsSaid) {
  for (bool back : {true, false}) {
    Killer run(1);
    run.pass(0);
    run.apply(0);
    BootTime hit = run.now;
    for (int i = 0; i < 12; ++i) run.tick();
    EXPECT_GT(run.looked_for, 2);
    if (back) run.feed(Returned{0, true, hit + 300ms});
    run.killed(0, 1);
    Verdict verdict = run.end();
    EXPECT_EQ(verdict.outcome, Outcome::kHeld) << verdict.reason;
    std::string expected = back ? "and it was back within 300 ms" : "and it was not back when the run ended";
    EXPECT_NE(verdict.reason.find(expected), std::string::npos) << verdict.reason;
  }
}

TEST(OneWay, WhatCannotComeBackIsNotWaitedFor) {
  Nanos took[2];
  for (bool may_return : {true, false}) {
    auto setup = Killer::setup(1, 100);
    setup.judges.clear();  // then nothing else is waited for
    setup.experiment.expect.clear();
    Killer run(std::move(setup));
    run.pass(0);
    run.apply(0);
    for (int i = 0; i < 12; ++i) run.tick();
    BootTime reverted = run.now;
    run.ended(0, Proof{.proven = true, .lasting = "3 connections were reset", .may_return = may_return});
    Verdict verdict = run.end();
    took[may_return] = run.now - reverted;
    EXPECT_NE(verdict.reason.find("v0: 3 connections were reset"), std::string::npos) << verdict.reason;
    EXPECT_EQ(verdict.reason.find("not back") != std::string::npos, may_return) << verdict.reason;
    EXPECT_EQ(run.missing, may_return);
  }
  EXPECT_LT(took[false], took[true]);
}

}  // namespace
}  // namespace ordeal::engine
