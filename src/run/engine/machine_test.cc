#include "run/engine/machine.h"

#include <gtest/gtest.h>

#include <set>

#include "run/engine/testing.h"

namespace ordeal::engine {
namespace {

// Drives a machine by hand: every step is 200 ms later.
struct Drive {
  Machine machine;
  BootTime now{};
  std::vector<std::string> emitted;  // types of requests, in order
  std::string last_note;
  std::optional<Verdict> verdict;
  double value = 0;             // what the one expectation sees
  std::optional<double> other;  // and what a second one does
  bool answers = true;

  explicit Drive(Setup setup) : machine(std::move(setup)) { take(machine.start(now)); }

  void take(const Actions& actions) {
    for (const Action& action : actions) {
      if (std::get_if<Inject>(&action)) emitted.push_back("inject");
      if (std::get_if<Check>(&action)) emitted.push_back("check");
      if (std::get_if<LookForReturn>(&action)) emitted.push_back("look for return");
      if (std::get_if<RevertAll>(&action)) emitted.push_back("revert");
      if (std::get_if<Renew>(&action)) emitted.push_back("renew");
      if (std::get_if<Act>(&action)) emitted.push_back("act");
      if (auto* note = note_of(action)) last_note = note->text;
      if (auto* finish = std::get_if<Finish>(&action)) verdict = finish->verdict;
    }
  }
  void feed(const Event& event) { take(machine.handle(now, event)); }
  void ticks(int count) {
    for (int i = 0; i < count && !machine.finished(); ++i) {
      now += 200ms;
      feed(Tick{});
      if (answers) feed(Observed{0, seen_now(value)});
      if (other) feed(Observed{1, seen_now(*other)});
    }
  }
  // Of data that was taken just now.
  Observation seen_now(double number) const {
    Observation seen{Observation::Outcome::kValues, true, {{"", number}}, "", 1ms};
    seen.taken = DataTimes{now, now, now, now};
    return seen;
  }
  void until(Phase phase) {
    for (int i = 0; i < 500 && machine.phase() != phase && !machine.finished(); ++i) ticks(1);
  }
  int told_times(const std::string& what) const {
    return static_cast<int>(std::count(emitted.begin(), emitted.end(), what));
  }
  void applied(int impact) { feed(Applied{impact, {}, now}); }
  void reverted(int impact, bool proven = true, bool clean = true) {
    feed(Reverted{impact, clean, false, "why", clean ? "" : "stuck", now, now, 1ms, Proof{proven, "m", "r", 1, 1, ""}});
  }
};

Setup setup_with(int victims, const std::string& condition = "result < 1") {
  Setup setup;
  setup.experiment.attack.length = 2s;
  setup.experiment.baseline = 1s;
  setup.experiment.recovery = 4s;
  for (int i = 0; i < victims; ++i) {
    Victim victim;
    victim.name = "v" + std::to_string(i);
    setup.victims.push_back(victim);
  }
  Expectation expectation;
  expectation.name = "errors";
  expectation.command = CommandProbe{{"errors"}, 1s};
  expectation.condition = condition;
  setup.judges.push_back(*judge::Judge::create(expectation));
  setup.experiment.expect.push_back(expectation);
  return setup;
}

TEST(Machine, HoldsWhenEverythingHeldAndIsProven) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  EXPECT_EQ(run.told_times("inject"), 1);
  run.applied(0);
  run.until(Phase::kRevert);
  EXPECT_EQ(run.told_times("revert"), 1) << "after its length";
  EXPECT_GE(run.told_times("renew"), 9);
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHeld) << run.verdict->reason;
}

TEST(Machine, AnOwnErrorWhileInjectingIsNoFailureToInject) {
  for (Errc code : {Errc::kInternal, Errc::kNotInjected}) {
    Drive run(setup_with(1));
    run.until(Phase::kInject);
    run.feed(ApplyFailed{0, Error{code, "the reaper does not answer", 0, "", nullptr}});
    run.until(Phase::kDone);
    EXPECT_EQ(run.verdict->outcome, code == Errc::kInternal ? Outcome::kError : Outcome::kNotInjected);
  }
}

TEST(Machine, AHaltWaitsNoLongerForWhatNeverCameIntoForce) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.feed(HaltAsked{"person", "enough"});
  EXPECT_EQ(run.machine.phase(), Phase::kRevert);
  run.feed(ApplyFailed{0, Error{Errc::kNotInjected, "it was not in force yet", 0, "", nullptr}});
  EXPECT_NE(run.machine.phase(), Phase::kRevert);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHalted) << run.verdict->reason;
}

TEST(Machine, ABreachRevertsFirstThenActsThenReports) {
  engine::Setup setup = setup_with(1);
  setup.experiment.rollback = {{CommandAction{{"undo"}}}, {DeploymentAction{"api"}}};
  Drive run(std::move(setup));
  run.until(Phase::kInject);
  run.applied(0);
  run.value = 5;
  run.ticks(1);
  EXPECT_EQ(run.emitted.back(), "revert");
  EXPECT_EQ(run.told_times("act"), 0) << "not while the fault is in force";
  run.reverted(0);
  EXPECT_EQ(run.emitted.back(), "act");
  run.value = 0;
  run.ticks(20);
  EXPECT_FALSE(run.verdict) << "it waits for the action";
  run.feed(Acted{{}, false});
  run.ticks(20);
  EXPECT_FALSE(run.verdict) << "and for the second";
  run.feed(Acted{{}, true});
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_EQ(run.verdict->reason, "errors reached 5 (limit: below 1)");
}

Setup setup_within(Nanos within, std::set<When> when = {When::kBefore, When::kDuring, When::kAfter}) {
  Setup setup = setup_with(1);
  Expectation& expectation = setup.experiment.expect[0];
  expectation.within = within;
  expectation.when = std::move(when);
  setup.judges = {*judge::Judge::create(expectation)};
  setup.experiment.attack.length = 4s;
  return setup;
}

TEST(Within, AViolationThatIsCuredInTimeNeitherHaltsNorDeviates) {
  Drive run(setup_within(1s));
  run.until(Phase::kInject);
  run.value = 5;
  run.ticks(1);
  run.applied(0);
  run.ticks(4);
  EXPECT_EQ(run.machine.phase(), Phase::kDuring) << "0.8 s after the fault came in force";
  run.value = 0;
  run.until(Phase::kRevert);
  run.reverted(0);
  run.value = 5;
  run.ticks(4);
  run.value = 0;
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHeld) << run.verdict->reason;
}

TEST(Within, WhatIsStillViolatedWhenTheTimeIsOverIsABreachAtOnce) {
  Drive run(setup_within(1s));
  run.until(Phase::kInject);
  run.applied(0);
  BootTime hit = run.now;
  run.value = 5;
  run.until(Phase::kRevert);
  EXPECT_EQ(run.now - hit, Nanos(1s));
  run.reverted(0);
  run.value = 0;
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_EQ(run.verdict->reason, "errors reached 5 (limit: below 1)");
}

TEST(Within, OnceTheTimeIsOverItIsJudgedAsAlways) {
  Drive run(setup_within(1s));
  run.until(Phase::kInject);
  run.applied(0);
  run.ticks(8);
  run.value = 5;
  run.ticks(1);
  EXPECT_EQ(run.emitted.back(), "revert");
}

TEST(Within, TheBaselineWaitsForItAndEndsWhenItDoesNotCome) {
  for (bool comes : {true, false}) {
    Drive run(setup_within(2s));
    run.value = 5;
    run.ticks(9);
    EXPECT_EQ(run.machine.phase(), Phase::kBefore) << "longer than the baseline of 1 s";
    if (comes) run.value = 0;
    run.ticks(2);
    EXPECT_EQ(run.machine.phase(), comes ? Phase::kInject : Phase::kDone);
    if (comes) continue;
    ASSERT_TRUE(run.verdict);
    EXPECT_EQ(run.verdict->outcome, Outcome::kNotInjected);
  }
}

TEST(Within, AfterTheAttackItIsTheTimeToComeBackIn) {
  for (Nanos back : {Nanos(800ms), Nanos(2s)}) {
    Drive run(setup_within(1s, {When::kDuring, When::kAfter}));
    run.until(Phase::kInject);
    run.applied(0);
    run.until(Phase::kRevert);
    run.reverted(0);
    run.value = 5;
    run.ticks(static_cast<int>(back / Nanos(200ms)));
    run.value = 0;
    run.until(Phase::kDone);
    EXPECT_EQ(run.verdict->outcome, back < 1s ? Outcome::kHeld : Outcome::kDeviated) << run.verdict->reason;
    std::string late = "\"errors\" did not hold again within 1s after the attack";
    EXPECT_EQ(run.verdict->reason == late, back > 1s) << run.verdict->reason;
  }
}

// Longer than the recovery of 4 s, and judged in all three phases.
Setup setup_within_longer() {
  Setup setup = setup_within(6s);
  setup.experiment.attack.length = 8s;
  return setup;
}

TEST(Within, WhereItIsLongerThanTheRecoveryItReplacesIt) {
  ASSERT_EQ(setup_within_longer().experiment.recovery, Nanos(4s));
  EXPECT_EQ(longest_recovery(setup_within_longer().experiment), Nanos(6s));
  for (Nanos back : {Nanos(0), Nanos(5s), Nanos(7s)}) {
    Drive run(setup_within_longer());
    run.until(Phase::kInject);
    run.applied(0);
    run.until(Phase::kRevert);
    run.reverted(0);
    run.value = 5;
    run.ticks(static_cast<int>(back / Nanos(200ms)));
    run.value = 0;
    run.until(Phase::kDone);
    ASSERT_TRUE(run.verdict);
    EXPECT_EQ(run.verdict->outcome, back < 6s ? Outcome::kHeld : Outcome::kDeviated) << run.verdict->reason;
    std::string late = "\"errors\" did not hold again within 6s after the attack";
    EXPECT_EQ(run.verdict->reason == late, back > 6s) << run.verdict->reason;
  }
}

TEST(Within, NobodyElseGetsMoreTimeByIt) {
  for (Nanos back : {Nanos(3s), Nanos(5s)}) {
    engine::Setup setup = setup_within_longer();
    Expectation other = setup.experiment.expect[0];
    other.name = "other";
    other.within.reset();
    other.when = {When::kAfter};
    setup.experiment.expect.push_back(other);
    setup.judges.push_back(*judge::Judge::create(other));
    Drive run(std::move(setup));
    run.other = 0;
    run.until(Phase::kInject);
    run.applied(0);
    run.until(Phase::kRevert);
    run.reverted(0);
    run.other = 5;
    run.ticks(static_cast<int>(back / Nanos(200ms)));
    run.other = 0;
    run.until(Phase::kDone);
    ASSERT_TRUE(run.verdict);
    EXPECT_EQ(run.verdict->outcome, back < 4s ? Outcome::kHeld : Outcome::kDeviated) << run.verdict->reason;
    std::string late = "\"other\" did not hold again within 4s after the attack";
    EXPECT_EQ(run.verdict->reason == late, back > 4s) << run.verdict->reason;
  }
}

TEST(Within, WhatIsSeenBeforeTheTimeIsOverProvesNothing) {
  Drive run(setup_within(3s, {When::kDuring}));
  run.until(Phase::kInject);
  run.applied(0);
  run.ticks(14);
  run.answers = false;
  run.until(Phase::kRevert);
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kInconclusive) << run.verdict->reason;
}

Drive breached_run() {
  engine::Setup setup = setup_with(1);
  setup.experiment.rollback.emplace(1);
  Drive run(std::move(setup));
  run.until(Phase::kInject);
  run.applied(0);
  run.value = 5;
  run.ticks(1);
  return run;
}

// Its rollback is under way.
Drive acting_run() {
  Drive run = breached_run();
  run.reverted(0);
  EXPECT_EQ(run.emitted.back(), "act");
  return run;
}

TEST(Machine, AHaltLetsARollbackEndFirst) {
  Drive run = acting_run();
  run.feed(HaltAsked{"signal", "Interrupt"});
  run.ticks(5);
  EXPECT_FALSE(run.verdict);
  run.feed(Acted{{}, true});
  run.ticks(1);
  ASSERT_TRUE(run.verdict) << "and nothing is waited for any more";
  EXPECT_EQ(run.verdict->outcome, Outcome::kHalted);
}

TEST(Machine, WhoeverInsistsEndsARollback) {
  Drive run = acting_run();
  run.feed(HaltAsked{"signal", "Interrupt"});
  run.feed(HaltAsked{"signal", "Interrupt"});
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHalted);
}

TEST(Machine, ALostGuardKeepsNobodyFromRollingBack) {
  Drive run = breached_run();
  run.feed(GuardLost{""});
  EXPECT_EQ(run.emitted.back(), "act");
  run.feed(Acted{{}, true});
  run.ticks(1);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kError);
}

TEST(Machine, WhatAGuardLeftBehindIsNotRolledBackOver) {
  Drive run = breached_run();
  run.feed(GuardLost{"a queue discipline"});
  EXPECT_EQ(run.told_times("act"), 0);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kRevertFailed);
}

constexpr const char* kNotRolledBack = "nothing is rolled back, since a fault could not be removed";

TEST(Machine, NothingIsRolledBackOverAFaultThatCannotBeRemoved) {
  Drive run = breached_run();
  run.reverted(0, true, false);
  EXPECT_EQ(run.last_note, kNotRolledBack);
  EXPECT_EQ(run.told_times("act"), 0);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kRevertFailed);
}

TEST(Machine, NothingIsRolledBackWhileNobodyKnowsWhetherTheFaultIsOff) {
  Drive run = breached_run();
  run.ticks(100);
  EXPECT_EQ(run.last_note, kNotRolledBack);
  EXPECT_EQ(run.told_times("act"), 0);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kRevertFailed);
}

// A ratio over a minute, of which the query as written sees nothing yet.
Setup counting_setup(bool halt) {
  Setup setup = setup_with(1);
  setup.judges.clear();
  setup.experiment.attack.length = 20s;
  Expectation expectation;
  expectation.name = "errors";
  expectation.query = "sum(rate(bad[1m])) / sum(rate(all[1m]))";
  expectation.condition = "result < 0.01";
  expectation.halt = halt;
  setup.judges.push_back(*judge::Judge::create(expectation));
  setup.triggers.push_back(judge::FastTrigger::create(setup.experiment, expectation));
  setup.experiment.expect = {expectation};
  return setup;
}

// Looks at counters: 40 requests each, of which `bad` fail.
struct CountingDrive : Drive {
  using Drive::Drive;
  Counts counts{{{"", 0, 0}}, 0, ""};
  double bad = 0;
  void looks(int number) {
    answers = false;
    for (int i = 0; i < number && !machine.finished(); ++i) {
      ticks(1);
      counts.groups[0].bad += bad;
      counts.groups[0].total += 40;
      counts.read_until_ms += 200;
      Observation seen = seen_now(0.001);
      seen.taken->back_to -= 1min;
      seen.counts = counts;
      seen.counts->read_since = now;
      feed(Observed{0, seen});
    }
  }
};

TEST(Machine, WhatIsCountedHaltsBeforeTheQueryCrosses) {
  CountingDrive run(counting_setup(true));
  run.looks(7);
  ASSERT_EQ(run.machine.phase(), Phase::kInject);
  run.applied(0);
  run.looks(5);
  EXPECT_EQ(run.told_times("revert"), 0);
  run.bad = 20;
  run.looks(3);
  EXPECT_EQ(run.emitted.back(), "revert");
  run.bad = 0;
  run.reverted(0);
  run.looks(10);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_EQ(run.verdict->reason, "errors: 60 of 120 events were bad (50 %) within 600 ms; 1 % allowed");
  EXPECT_NE(run.verdict->hint.find("fast: false"), std::string::npos);
}

// Why nothing can be counted is said once, and nothing that is not so is said of it.
TEST(Machine, WhyNothingIsCountedIsSaidOnce) {
  for (const char* trouble : {"its two sides are counted by different targets", ""}) {
    CountingDrive run(counting_setup(true));
    run.counts.groups.clear();
    run.counts.trouble = trouble;
    std::set<std::string> said;
    for (int i = 0; i < 30 && run.machine.phase() != Phase::kInject; ++i) {
      run.answers = false;
      run.ticks(1);
      Observation seen = run.seen_now(0.001);
      seen.counts = run.counts;
      run.feed(Observed{0, seen});
      if (run.last_note.find("errors") != std::string::npos) said.insert(run.last_note);
    }
    ASSERT_EQ(run.machine.phase(), Phase::kInject);
    ASSERT_EQ(said.size(), 1u) << *said.rbegin();
    bool emitted = said.begin()->find("judged by its query alone") != std::string::npos;
    EXPECT_EQ(emitted, *trouble == '\0') << *said.begin();
  }
}

TEST(Machine, WhatIsCountedDeviatesWithoutAHaltWhereNoneIsWanted) {
  CountingDrive run(counting_setup(false));
  run.looks(7);
  run.applied(0);
  run.bad = 20;
  run.looks(10);
  EXPECT_EQ(run.told_times("revert"), 0);
  EXPECT_EQ(run.machine.phase(), Phase::kDuring);
  run.until(Phase::kRevert);
  run.reverted(0);
  run.bad = 0;
  run.looks(30);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
}

TEST(Machine, ABrokenBaselineInjectsNothing) {
  Drive run(setup_with(1));
  run.value = 5;
  run.until(Phase::kDone);
  EXPECT_EQ(run.told_times("inject"), 0);
  EXPECT_EQ(run.verdict->outcome, Outcome::kNotInjected);
}

// The source dies in the attack: its answers are errors, and the attack is over before they count as a breach.
Verdict blind_at_the_end(Nanos length, Nanos seeing, NoData no_data) {
  Setup setup = setup_with(1);
  setup.experiment.attack.length = length;
  Expectation& expectation = setup.experiment.expect.front();
  expectation.when = {When::kBefore, When::kDuring};
  expectation.no_data = no_data;
  setup.judges = {*judge::Judge::create(expectation)};
  Drive run(std::move(setup));
  run.until(Phase::kInject);
  run.applied(0);
  run.ticks(static_cast<int>(seeing / 200ms));
  run.answers = false;
  for (int i = 0; i < 100 && run.machine.phase() == Phase::kDuring; ++i) {
    run.ticks(1);
    run.feed(Observed{0, {Observation::Outcome::kError, false, {}, "connection refused", 1ms}});
  }
  run.reverted(0);
  run.until(Phase::kDone);
  return run.verdict.value_or(Verdict{});
}

TEST(Machine, WithoutDataAtTheEndOfTheAttackNothingIsHeld) {
  Verdict blind = blind_at_the_end(8s, 2s, NoData::kHold);
  EXPECT_EQ(blind.outcome, Outcome::kInconclusive);
  EXPECT_EQ(blind.reason, "\"errors\" returned no answer in the last 6s of the attack");
  EXPECT_EQ(blind_at_the_end(8s, 6s, NoData::kHold).outcome, Outcome::kHeld);
  EXPECT_EQ(blind_at_the_end(8s, 2s, NoData::kPass).outcome, Outcome::kHeld);
  EXPECT_EQ(blind_at_the_end(20s, 2s, NoData::kHold).outcome, Outcome::kDeviated);
}

TEST(Machine, WhatAReaderShouldKnowIsInTheRecord) {
  engine::Setup setup = setup_with(1);
  setup.warnings = {"the source is slow"};
  Machine machine(std::move(setup));
  std::vector<std::string> notes;
  for (const Action& action : machine.start(BootTime{}))
    if (auto* note = note_of(action)) notes.push_back(note->text);
  EXPECT_EQ(notes, std::vector<std::string>{"the source is slow"});
}

TEST(Machine, WithoutProofNothingIsHeld) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.until(Phase::kRevert);
  run.reverted(0, false);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kNotInjected);
}

TEST(Machine, FewerVictimsThanAskedRevertsAll) {
  Drive run(setup_with(2));
  run.until(Phase::kInject);
  run.applied(0);
  run.feed(ApplyFailed{1, Error{Errc::kUnsupported, "no queue", 0, "", nullptr}});
  EXPECT_EQ(run.emitted.back(), "revert");
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kNotInjected);
  EXPECT_EQ(run.verdict->reason, "1 of 2 victims could be hit, 2 are needed: v1: no queue");
}

TEST(Machine, VictimsThatGoEndTheRunAsNotInjected) {
  Drive run(setup_with(2));
  run.until(Phase::kInject);
  run.applied(0);
  run.applied(1);
  run.feed(VictimGone{1, "its first process has exited"});
  EXPECT_EQ(run.emitted.back(), "revert");
}

TEST(Machine, AFaultThatBreaksIsNoAttack) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.ticks(3);
  run.feed(Reverted{0, true, true, "the queue closed", "", run.now, run.now, 1ms, Proof{true, "m", "r", 1, 1, ""}});
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kNotInjected) << run.verdict->reason;
  EXPECT_NE(run.verdict->reason.find("the queue closed"), std::string::npos) << run.verdict->reason;
}

TEST(Machine, AnApplyThatCouldNotBeTakenBackIsAFailedRevert) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.feed(ApplyFailed{0, Error{Errc::kRevertFailed, "still frozen", 0, "", nullptr}});
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kRevertFailed) << run.verdict->reason;
}

TEST(Machine, WithoutAnswersTheLeaseIsNotRenewed) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.answers = false;
  run.ticks(5);
  int before = run.told_times("renew");
  run.now += 3s;
  run.ticks(1);
  EXPECT_EQ(run.told_times("renew"), before);
}

TEST(Machine, AProbeMayTakeItsOwnTimeLimit) {
  engine::Setup setup = setup_with(1);
  setup.experiment.attack.length = 60s;
  setup.experiment.expect[0].http = HttpProbe{"http://slow/", "GET", 10s};
  setup.judges = {*judge::Judge::create(setup.experiment.expect[0])};
  Drive run(std::move(setup));
  run.until(Phase::kInject);
  run.applied(0);
  run.answers = false;
  run.ticks(5);
  int before = run.told_times("renew");
  run.now += 9s;
  run.ticks(1);
  EXPECT_GT(run.told_times("renew"), before);
  run.now += 4s;
  before = run.told_times("renew");
  run.ticks(1);
  EXPECT_EQ(run.told_times("renew"), before);
}

TEST(Machine, AFailedRevertIsTheStrongestVerdict) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.value = 5;
  run.ticks(1);
  run.reverted(0, true, false);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kRevertFailed);
}

TEST(Machine, ALostGuardIsAnErrorAndWhatItLeftAFailedRevert) {
  for (bool clean : {true, false}) {
    Drive run(setup_with(1));
    run.until(Phase::kInject);
    run.applied(0);
    run.feed(GuardLost{clean ? "" : "a frozen cgroup"});
    EXPECT_EQ(run.verdict->outcome, clean ? Outcome::kError : Outcome::kRevertFailed);
  }
}

TEST(Machine, APersonsHaltIsHalted) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.feed(HaltAsked{"person", "enough"});
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHalted);
}

TEST(Machine, NotRecoveringDeviates) {
  Drive run(setup_with(1));
  run.until(Phase::kInject);
  run.applied(0);
  run.until(Phase::kRevert);
  run.value = 5;
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_EQ(run.verdict->reason, "\"errors\" did not hold again within 4s after the attack");
}

TEST(Machine, WithoutExpectationsNothingIsProven) {
  engine::Setup setup = setup_with(1);
  setup.judges.clear();
  Drive run(std::move(setup));
  run.until(Phase::kInject);
  run.applied(0);
  run.until(Phase::kRevert);
  run.reverted(0);
  run.until(Phase::kDone);
  EXPECT_EQ(run.verdict->outcome, Outcome::kInconclusive);
}

}  // namespace
}  // namespace ordeal::engine
