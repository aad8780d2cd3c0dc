#include "app/agent/course.h"

#include <gtest/gtest.h>

#include "app/agent/impact_words.h"

namespace ordeal::agent {
namespace {

using guard::GuardEvent;
using Type = GuardEvent::Type;

constexpr const char* kRun = "r20261130t050000z-abcde";

cluster::InjectionSpec spec_of(int impacts) {
  cluster::InjectionSpec spec;
  spec.run = kRun;
  spec.experiment = "slow";
  spec.experiment_uid = "u1";
  spec.node = "n1";
  spec.lease = 15s;
  for (int i = 0; i < impacts; ++i) {
    cluster::PlannedImpact impact;
    impact.id = i + 10;
    impact.victim = {"pod", "shop", "api-" + std::to_string(i), "pod-uid", "", ""};
    impact.attack.type = "latency";
    spec.impacts.push_back(std::move(impact));
  }
  return spec;
}

ExperimentLook look(int64_t count = 1) {
  ExperimentLook look{"u1", false, kRun, {}};
  look.renewal.count = count;
  return look;
}

template <typename T>
size_t number_of(const ToDos& todos) {
  return static_cast<size_t>(
      std::count_if(todos.begin(), todos.end(), [](const ToDo& one) { return std::holds_alternative<T>(one); }));
}

// A course with a clock, driven through its stages.
struct Driven {
  explicit Driven(cluster::InjectionSpec spec) : course(std::move(spec), "agent-1/boot", WallOffset{}) {
    done = course.start(now);
  }
  ToDos feed(Happened what) { return done = course.handle(now, std::move(what)); }
  ToDos read(std::optional<ExperimentLook> what) { return feed(happened::ReadExperiment{std::move(what), now}); }
  ToDos guard(Type kind, int impact = -1) {
    GuardEvent event;
    event.kind = kind;
    event.impact = impact;
    event.applied = now - 1s;
    event.reverted = now;
    event.took = 3ms;
    return guard(event);
  }
  ToDos guard(GuardEvent event) { return feed(happened::GuardSaid{std::move(event)}); }
  ToDos pass(Nanos time) {
    now += time;
    return done = course.tick(now);
  }
  ToDos find() {
    std::vector<Result<Victim>> victims;
    for (const auto& impact : course.spec().impacts) {
      Victim victim;
      victim.name = impact.victim.pod;
      victims.emplace_back(std::move(victim));
    }
    return feed(happened::FoundVictims{std::move(victims)});
  }
  void begin() {
    read(look());
    feed(happened::SawHalt{std::nullopt, true});
    find();
    feed(happened::GuardReady{});
  }
  void inject() {
    begin();
    for (const auto& impact : course.spec().impacts) guard(Type::kApplied, impact.id);
  }
  // Whoever asked for it: reverted, written, released.
  void finish() {
    ASSERT_EQ(number_of<todo::RevertAll>(done), 1u);
    for (const auto& impact : course.spec().impacts) guard(Type::kReverted, impact.id);
    guard(Type::kNothingInForce);
    ASSERT_EQ(number_of<todo::EndGuard>(done), 1u);
    feed(happened::GuardEnded{});
    ASSERT_EQ(number_of<todo::WriteStatus>(done), 1u);
    feed(happened::StatusWritten{});
    ASSERT_EQ(number_of<todo::Release>(done), 1u);
    feed(happened::Released{});
    ASSERT_TRUE(course.finished());
  }
  const cluster::ImpactStatus& impact(size_t i) { return course.status().impacts[i]; }

  BootTime now{100s};
  Course course;
  ToDos done;
};

TEST(Course, GoesFromTheFirstLookToTheFinaliser) {
  Driven run(spec_of(2));
  EXPECT_EQ(number_of<todo::ReadExperiment>(run.done), 1u);
  EXPECT_EQ(number_of<todo::ReadHalt>(run.done), 1u);
  EXPECT_TRUE(run.read(look()).empty());  // the halt is not known yet
  EXPECT_EQ(number_of<todo::FindVictims>(run.feed(happened::SawHalt{std::nullopt, true})), 1u);
  EXPECT_EQ(number_of<todo::StartGuard>(run.find()), 1u);
  EXPECT_EQ(number_of<todo::Inject>(run.feed(happened::GuardReady{})), 2u);
  EXPECT_TRUE(run.guard(Type::kApplied, 10).empty());
  EXPECT_EQ(number_of<todo::WriteStatus>(run.guard(Type::kApplied, 11)), 1u);
  EXPECT_EQ(run.course.status().state, "injected");
  EXPECT_EQ(cluster::find_condition(run.course.status().conditions, "Injected")->status, cluster::Truth::kTrue);
  ExperimentLook stop = look(2);
  stop.renewal.stop = "the attack is over";
  run.read(stop);
  run.finish();
  EXPECT_EQ(run.course.status().state, "reverted");
  EXPECT_EQ(run.course.status().halted_by, "");
  EXPECT_EQ(run.impact(0).state, "reverted");
  EXPECT_EQ(run.impact(0).in_force, 1s);
  EXPECT_EQ(run.impact(0).took, 3ms);
  EXPECT_EQ(cluster::find_condition(run.course.status().conditions, "Reverted")->status, cluster::Truth::kTrue);
}

TEST(Course, NothingBeginsBeforeTheHaltIsReadAsReleased) {
  Driven run(spec_of(1));
  run.read(look());
  EXPECT_TRUE(run.feed(happened::SawHalt{std::nullopt, false}).empty());  // watched: it may be old
  EXPECT_EQ(
      number_of<todo::WriteStatus>(run.feed(happened::SawHalt{cluster::Halt{"h", 1, true, "drill", "eve"}, true})), 1u);
  EXPECT_EQ(run.course.status().state, "reverted");
  EXPECT_EQ(run.course.status().halted_by, "latch");
  EXPECT_EQ(run.impact(0).state, "failed");
  EXPECT_NE(run.impact(0).error.find("drill (by eve)"), std::string::npos);
}

struct End {
  const char* name;
  std::optional<ExperimentLook> look;
  std::string by;
};
std::vector<End> ends() {
  ExperimentLook deleting = look(), other_uid = look(), other_run = look(), stopped = look();
  deleting.deleting = true;
  other_uid.uid = "u2";
  other_run.run = "r20261130t050000z-zzzzz";
  stopped.renewal.stop = "enough";
  return {{"gone", std::nullopt, "person"},
          {"deleting", deleting, "person"},
          {"another uid", other_uid, "person"},
          {"another run", other_run, "error"},
          {"stop", stopped, ""}};
}

TEST(Course, NothingBeginsUnderAnExperimentThatForbidsIt) {
  for (const End& end : ends()) {
    Driven run(spec_of(1));
    run.feed(happened::SawHalt{std::nullopt, true});
    EXPECT_EQ(number_of<todo::WriteStatus>(run.read(end.look)), 1u) << end.name;
    EXPECT_EQ(run.impact(0).state, "failed") << end.name;
    EXPECT_EQ(run.impact(0).code, "not_injected") << end.name;
  }
}

TEST(Course, AReadOrAWatchedEventThatForbidsItEndsEverything) {
  for (const End& end : ends()) {
    for (bool watched : {false, true}) {
      Driven run(spec_of(2));
      run.inject();
      if (watched) {
        run.feed(happened::SawExperiment{end.look});
      } else {
        run.read(end.look);
      }
      run.finish();
      EXPECT_EQ(run.course.status().halted_by, end.by) << end.name;
      EXPECT_NE(run.course.status().why, "") << end.name;
    }
  }
}

TEST(Course, TheSameEndsItWhileItIsBeingInjected) {
  for (const End& end : ends()) {
    Driven run(spec_of(2));
    run.begin();
    run.guard(Type::kApplied, 10);
    run.feed(happened::SawExperiment{end.look});
    ASSERT_EQ(number_of<todo::RevertAll>(run.done), 1u) << end.name;
    GuardEvent refused;
    refused.kind = Type::kApplyFailed;
    refused.impact = 11;
    refused.error = {Errc::kNotInjected, "the run is ending", 0, "", nullptr};
    run.guard(refused);
    run.guard(Type::kReverted, 10);
    EXPECT_EQ(number_of<todo::EndGuard>(run.guard(Type::kNothingInForce)), 1u) << end.name;
    run.feed(happened::GuardEnded{});
    EXPECT_EQ(run.impact(0).state, "reverted") << end.name;
    EXPECT_EQ(run.impact(1).state, "failed") << end.name;
  }
}

TEST(Course, AnEngagedHaltEndsItAndAReleasedOneDoesNot) {
  Driven run(spec_of(1));
  run.inject();
  EXPECT_TRUE(run.feed(happened::SawHalt{cluster::Halt{"h", 2, false, "", ""}, false}).empty());
  run.feed(happened::SawHalt{cluster::Halt{"h", 3, true, "stop it", ""}, false});
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "latch");
}

TEST(Course, ARenewalUnderAnotherHaltThanOursIsLookedInto) {
  Driven run(spec_of(1));
  run.inject();
  run.now += 5s;
  ExperimentLook renewed = look(2);
  renewed.renewal.halt = "h/4";
  EXPECT_EQ(number_of<todo::ReadHalt>(run.read(renewed)), 1u);
  run.feed(happened::SawHalt{cluster::Halt{"h", 4, false, "", ""}, true});
  run.now += 5s;
  renewed.renewal.count = 3;
  EXPECT_EQ(number_of<todo::ReadHalt>(run.read(renewed)), 0u);
}

TEST(Course, EachReadThatShowsALargerCountRenewsOnce) {
  Driven run(spec_of(1));
  run.inject();
  EXPECT_EQ(number_of<todo::ReadExperiment>(run.pass(4900ms)), 0u);
  EXPECT_EQ(number_of<todo::ReadExperiment>(run.pass(100ms)), 1u);
  EXPECT_EQ(number_of<todo::ReadExperiment>(run.pass(100ms)), 0u);  // one is under way
  EXPECT_EQ(number_of<todo::Renew>(run.read(look(2))), 1u);
  EXPECT_EQ(number_of<todo::Renew>(run.read(look(2))), 0u);
  EXPECT_EQ(number_of<todo::Renew>(run.read(look(1))), 0u);
  EXPECT_EQ(run.course.status().renewal, 2);
}

TEST(Course, AWatchedRenewalIsConfirmedByAReadAndIsNone) {
  Driven run(spec_of(1));
  run.inject();
  run.now += 3s;
  ToDos done = run.feed(happened::SawExperiment{look(2)});
  EXPECT_EQ(number_of<todo::ReadExperiment>(done), 1u);
  EXPECT_EQ(number_of<todo::Renew>(done), 0u);
  EXPECT_TRUE(run.feed(happened::SawExperiment{look(3)}).empty());  // a read is under way
}

TEST(Course, WithoutALargerCountTheLeaseEndsItThoughReadsSucceed) {
  Driven run(spec_of(1));
  run.inject();
  for (int i = 0; i < 2; ++i) {
    run.pass(5s);
    EXPECT_EQ(number_of<todo::RevertAll>(run.read(look(1))), 0u);
  }
  run.pass(4999ms);
  EXPECT_EQ(number_of<todo::RevertAll>(run.done), 0u);
  run.pass(1ms);
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "lease");
}

TEST(Course, TheLeaseCountsFromWhenTheReadWasAskedFor) {
  Driven run(spec_of(1));
  run.inject();
  BootTime asked = run.now + 5s;
  run.pass(5s);
  run.now += 4s;
  run.feed(happened::ReadExperiment{look(2), asked});
  EXPECT_EQ(number_of<todo::RevertAll>(run.pass(asked + 15s - run.now - 1ms)), 0u);
  EXPECT_EQ(number_of<todo::RevertAll>(run.pass(1ms)), 1u);
}

TEST(Course, ReadsThatFailForTheLeaseEndItAndAreTriedAgain) {
  Driven run(spec_of(1));
  run.inject();
  size_t reads = number_of<todo::ReadExperiment>(run.pass(5s));
  bool ended = false;
  for (int i = 0; i < 40 && !ended; ++i) {
    run.feed(happened::CouldNotRead{"connection refused"});
    run.pass(500ms);
    reads += number_of<todo::ReadExperiment>(run.done);
    ended = number_of<todo::RevertAll>(run.done) == 1;
  }
  ASSERT_TRUE(ended);
  EXPECT_EQ(run.now, BootTime{115s});
  EXPECT_GE(reads, 15u);
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "lease");
  EXPECT_NE(run.course.status().why.find("connection refused"), std::string::npos);
}

TEST(Course, AServerThatIsGoneBeforeItBeganEndsItWithinTheLease) {
  Driven run(spec_of(1));
  for (int i = 0; i < 29; ++i) {
    run.feed(happened::CouldNotRead{"connection refused"});
    run.pass(500ms);
  }
  EXPECT_FALSE(run.course.at_rest());
  run.pass(500ms);
  EXPECT_TRUE(run.course.at_rest());
  EXPECT_EQ(number_of<todo::WriteStatus>(run.done), 1u);
  EXPECT_EQ(run.impact(0).state, "failed");
}

TEST(Course, ThisHostCanEndItAtEachStage) {
  happened::Stop stop{{"error", "the agent was told to end"}};
  Driven looking(spec_of(1));
  EXPECT_EQ(number_of<todo::WriteStatus>(looking.feed(stop)), 1u);
  Driven finding(spec_of(1));
  finding.read(look());
  finding.feed(happened::SawHalt{std::nullopt, true});
  EXPECT_EQ(number_of<todo::WriteStatus>(finding.feed(stop)), 1u);
  EXPECT_TRUE(finding.find().empty());  // too late
  Driven starting(spec_of(1));
  starting.read(look());
  starting.feed(happened::SawHalt{std::nullopt, true});
  starting.find();
  EXPECT_TRUE(starting.feed(stop).empty());
  EXPECT_EQ(number_of<todo::EndGuard>(starting.feed(happened::GuardReady{})), 1u);
  Driven in_force(spec_of(1));
  in_force.inject();
  in_force.feed(stop);
  in_force.finish();
  EXPECT_EQ(in_force.course.status().halted_by, "error");
}

TEST(Course, AGuardThatDoesNotStartFailsEachImpact) {
  Driven run(spec_of(2));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  run.find();
  run.feed(happened::CannotBegin{{Errc::kRefused, "the halt latch is engaged", 0, "ordeal resume", nullptr}});
  EXPECT_EQ(number_of<todo::WriteStatus>(run.done), 1u);
  EXPECT_EQ(run.impact(1).code, "refused");
  EXPECT_EQ(run.impact(1).hint, "ordeal resume");
  EXPECT_EQ(cluster::find_condition(run.course.status().conditions, "Injected")->reason, "Refused");
}

TEST(Course, AVictimThatIsRefusedLeavesTheOthers) {
  Driven run(spec_of(2));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  std::vector<Result<Victim>> victims;
  victims.emplace_back(fail(Errc::kRefused, "api-0 is refused by the policy"));
  victims.emplace_back(Victim{});
  run.feed(happened::FoundVictims{std::move(victims)});
  ToDos asked = run.feed(happened::GuardReady{});
  ASSERT_EQ(number_of<todo::Inject>(asked), 1u);
  EXPECT_EQ(std::get<todo::Inject>(asked[0]).impact, 11);
  run.guard(Type::kApplied, 11);
  EXPECT_EQ(run.impact(0).state, "failed");
  EXPECT_EQ(run.impact(1).state, "injected");
  EXPECT_EQ(cluster::find_condition(run.course.status().conditions, "Injected")->status, cluster::Truth::kFalse);
}

TEST(Course, WhenNoVictimIsFoundThereIsNoGuardAndOneStatus) {
  Driven run(spec_of(1));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  std::vector<Result<Victim>> victims;
  victims.emplace_back(fail(Errc::kNotInjected, "there is no pod"));
  ToDos done = run.feed(happened::FoundVictims{std::move(victims)});
  EXPECT_EQ(number_of<todo::StartGuard>(done), 0u);
  EXPECT_EQ(number_of<todo::WriteStatus>(done), 1u);
  EXPECT_EQ(run.course.status().state, "reverted");
}

TEST(Course, AnImpactThatCannotBeAppliedIsReportedAndTheRestGoesOn) {
  Driven run(spec_of(2));
  run.begin();
  GuardEvent failed;
  failed.kind = Type::kApplyFailed;
  failed.impact = 10;
  failed.error = {Errc::kUnsupported, "no such module", 0, "load it", nullptr};
  run.guard(failed);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.guard(Type::kApplied, 11)), 1u);
  EXPECT_EQ(run.impact(0).code, "unsupported");
  EXPECT_EQ(run.course.status().state, "injected");
}

TEST(Course, AOneWayAttackWaitsForGoAndGoIsRead) {
  cluster::InjectionSpec spec = spec_of(2);
  spec.waits_for_go = true;
  Driven run(std::move(spec));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  run.find();
  EXPECT_EQ(number_of<todo::Check>(run.feed(happened::GuardReady{})), 2u);
  run.guard(Type::kChecked, 10);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.guard(Type::kChecked, 11)), 1u);
  EXPECT_EQ(run.course.status().state, "checked");
  ExperimentLook go = look(2);
  go.renewal.go = true;
  ToDos seen = run.feed(happened::SawExperiment{go});
  EXPECT_EQ(number_of<todo::Inject>(seen), 0u);
  EXPECT_EQ(number_of<todo::ReadExperiment>(seen), 1u);
  EXPECT_EQ(number_of<todo::Inject>(run.read(go)), 2u);
  run.guard(Type::kApplied, 10);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.guard(Type::kApplied, 11)), 1u);
}

TEST(Course, AOneWayAttackThatMayNotGoEndsUndone) {
  cluster::InjectionSpec spec = spec_of(1);
  spec.waits_for_go = true;
  Driven run(std::move(spec));
  run.begin();
  run.guard(Type::kChecked, 10);
  ExperimentLook stop = look(2);
  stop.renewal.go = true;
  stop.renewal.stop = "no";
  EXPECT_EQ(number_of<todo::RevertAll>(run.read(stop)), 1u);
  run.guard(Type::kNothingInForce);
  run.feed(happened::GuardEnded{});
  EXPECT_EQ(run.impact(0).state, "failed");
}

TEST(Course, AVictimThatGoesIsOneMoreStatus) {
  Driven run(spec_of(2));
  run.inject();
  GuardEvent gone;
  gone.kind = Type::kVictimGone;
  gone.impact = 10;
  gone.why = "its cgroup was replaced";
  run.guard(gone);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.guard(Type::kReverted, 10)), 0u);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.pass(250ms)), 1u);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.pass(1s)), 0u);
  EXPECT_EQ(run.impact(0).state, "gone");
  EXPECT_EQ(run.impact(0).why, "its cgroup was replaced");
  EXPECT_EQ(run.course.status().state, "injected");
}

TEST(Course, WhatEndsByItselfNeedsNoStop) {
  Driven run(spec_of(2));
  run.inject();
  run.guard(Type::kReverted, 10);
  EXPECT_EQ(number_of<todo::EndGuard>(run.guard(Type::kReverted, 11)), 1u);
  run.feed(happened::GuardEnded{});
  EXPECT_EQ(number_of<todo::WriteStatus>(run.done), 1u);
  EXPECT_EQ(number_of<todo::WriteStatus>(run.pass(1s)), 0u);  // the last one says it all
  EXPECT_EQ(run.course.status().halted_by, "");
}

TEST(Course, AGuardThatHaltsByItselfSaysWhoAskedForIt) {
  for (const char* by : {"latch", "person", "lease"}) {
    Driven run(spec_of(1));
    run.inject();
    GuardEvent halting;
    halting.kind = Type::kHalting;
    halting.by = by;
    halting.why = "because";
    EXPECT_TRUE(run.guard(halting).empty());
    run.guard(Type::kReverted, 10);
    EXPECT_EQ(number_of<todo::EndGuard>(run.guard(Type::kHalted)), 1u);
    run.feed(happened::GuardEnded{});
    EXPECT_EQ(run.course.status().halted_by, by);
    EXPECT_EQ(run.course.status().why, "because");
  }
}

TEST(Course, ARevertThatFailedIsSaid) {
  Driven run(spec_of(1));
  run.inject();
  run.feed(happened::SawExperiment{std::nullopt});
  GuardEvent dirty;
  dirty.kind = Type::kReverted;
  dirty.impact = 10;
  dirty.clean = false;
  dirty.error = {Errc::kRevertFailed, "a frozen cgroup", 0, "", nullptr};
  run.guard(dirty);
  run.guard(Type::kNothingInForce);
  ToDos done = run.feed(happened::GuardEnded{Error{Errc::kRevertFailed, "the guard ended with 6", 0, "", nullptr}});
  EXPECT_EQ(number_of<todo::EngageLatch>(done), 1u);
  EXPECT_EQ(run.course.status().state, "reverted");
  EXPECT_FALSE(run.impact(0).clean);
  EXPECT_EQ(run.impact(0).code, "revert_failed");
  const auto* condition = cluster::find_condition(run.course.status().conditions, "Reverted");
  EXPECT_EQ(condition->status, cluster::Truth::kFalse);
  EXPECT_EQ(condition->reason, "RevertFailed");
}

TEST(Course, ALostGuardEndsEveryImpactAndIsToldAsBroken) {
  for (const char* failed : {"", "a frozen cgroup"}) {
    Driven run(spec_of(2));
    run.begin();
    run.guard(Type::kApplied, 10);
    run.now += 2s;
    ToDos done = run.feed(happened::GuardLost{"the guard ended unexpectedly", failed});
    EXPECT_EQ(number_of<todo::WriteStatus>(done), 1u);
    EXPECT_EQ(number_of<todo::EngageLatch>(done), *failed ? 1u : 0u);
    EXPECT_TRUE(run.impact(0).broken);
    EXPECT_EQ(run.impact(0).in_force, 3s);
    EXPECT_EQ(run.impact(0).clean, *failed == 0);
    EXPECT_EQ(run.course.status().halted_by, "error");
    EXPECT_TRUE(run.course.at_rest());
  }
}

TEST(Course, ALostGuardWhileItRevertsKeepsTheCause) {
  Driven run(spec_of(1));
  run.inject();
  run.feed(happened::SawExperiment{std::nullopt});
  run.feed(happened::GuardLost{"the guard hung", ""});
  EXPECT_EQ(run.course.status().halted_by, "person");
  EXPECT_EQ(run.impact(0).state, "reverted");
}

TEST(Course, TwoStatusesAreEnough) {
  Driven run(spec_of(2));
  size_t writes = 0;
  run.begin();
  for (int id : {10, 11}) writes += number_of<todo::WriteStatus>(run.guard(Type::kApplied, id));
  for (int i = 0; i < 20; ++i) {
    writes += number_of<todo::WriteStatus>(run.pass(1s));
    if (number_of<todo::ReadExperiment>(run.done) > 0) run.read(look(2 + i));
  }
  run.feed(happened::SawExperiment{std::nullopt});
  for (int id : {10, 11}) writes += number_of<todo::WriteStatus>(run.guard(Type::kReverted, id));
  run.guard(Type::kNothingInForce);
  writes += number_of<todo::WriteStatus>(run.feed(happened::GuardEnded{}));
  EXPECT_EQ(writes, 2u);
}

TEST(Course, AtRestItAsksForNothing) {
  Driven run(spec_of(1));
  run.inject();
  run.feed(happened::SawExperiment{std::nullopt});
  run.finish();
  EXPECT_EQ(run.course.next_wake(), BootTime::max());
  EXPECT_TRUE(run.pass(1h).empty());
  EXPECT_TRUE(run.read(look(9)).empty());
}

TEST(CheckSpec, NamesTheFieldOfWhatItRefuses) {
  EXPECT_TRUE(check_spec(spec_of(1), "n1"));
  auto refused = [](auto change) {
    cluster::InjectionSpec spec = spec_of(2);
    change(spec);
    auto checked = check_spec(spec, "n1");
    return checked ? "" : checked.error().what.substr(0, checked.error().what.find(": "));
  };
  EXPECT_EQ(refused([](auto& spec) { spec.run = "../x"; }), "spec.run");
  EXPECT_EQ(refused([](auto& spec) { spec.node = "n2"; }), "spec.node");
  EXPECT_EQ(refused([](auto& spec) { spec.lease = 1h; }), "spec.lease");
  EXPECT_EQ(refused([](auto& spec) { spec.impacts.clear(); }), "spec.impacts");
  EXPECT_EQ(refused([](auto& spec) { spec.impacts[1].id = 10; }), "spec.impacts[1].id");
  EXPECT_EQ(refused([](auto& spec) { spec.impacts[1].at = 1s; }), "spec.impacts[1].at");
  EXPECT_EQ(refused([](auto& spec) { spec.impacts[0].peers = {"10.0.0.1"}; }), "spec.impacts[0].peers");
  EXPECT_EQ(refused([](auto& spec) { spec.impacts[0].victim.kind = "zone"; }), "spec.impacts[0].victim.kind");
}

cluster::Injection injection_with(const char* state, const char* impact) {
  cluster::Injection injection;
  injection.spec = spec_of(1);
  injection.status.state = state;
  if (*impact) injection.status.impacts.push_back({10, impact});
  return injection;
}

TEST(AfterARestart, WhatWasInForceIsReverted) {
  auto status = status_after_restart(injection_with("injected", "injected"), "a", {"thawed /x"}, {}, Nanos(0));
  EXPECT_EQ(status.state, "reverted");
  EXPECT_EQ(status.impacts[0].state, "reverted");
  EXPECT_TRUE(status.impacts[0].clean);
  EXPECT_TRUE(status.impacts[0].broken);
  EXPECT_NE(status.why.find("thawed /x"), std::string::npos);
}

TEST(AfterARestart, WhatWasNeverToldIsNotInjected) {
  auto status = status_after_restart(injection_with("", ""), "a", {}, {}, Nanos(0));
  EXPECT_EQ(status.impacts[0].state, "failed");
  EXPECT_EQ(status.impacts[0].code, "not_injected");
  EXPECT_EQ(status.why, "the agent was restarted");
}

TEST(AfterARestart, WhatCouldNotBeUndoneIsSaid) {
  auto status = status_after_restart(injection_with("injected", "injected"), "a", {}, {"/x is frozen"}, Nanos(0));
  EXPECT_FALSE(status.impacts[0].clean);
  EXPECT_EQ(status.impacts[0].code, "revert_failed");
  EXPECT_EQ(cluster::find_condition(status.conditions, "Reverted")->status, cluster::Truth::kFalse);
}

}  // namespace
}  // namespace ordeal::agent
