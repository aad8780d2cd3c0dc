#include "app/agent/course/course_testing.h"

namespace ordeal::agent {
namespace {

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

TEST(Course, AGuardThatTakesLongerThanTheLeaseInjectsNothing) {
  Driven run(spec_of(1));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  run.find();
  run.now += 15s;
  ToDos done = run.feed(happened::GuardReady{});
  EXPECT_EQ(number_of<todo::Inject>(done), 0u);
  EXPECT_EQ(number_of<todo::EndGuard>(done), 1u);
  run.feed(happened::GuardEnded{});
  EXPECT_EQ(run.impact(0).state, "failed");
  EXPECT_EQ(run.course.status().halted_by, "lease");
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
  EXPECT_EQ(number_of<todo::LookAgain>(seen), 1u);
  EXPECT_EQ(number_of<todo::LookAgain>(run.read(go)), 0u) << "one is under way";
  ToDos again = run.feed(happened::LookedAgain{run.victims(), run.now - 1s});  // read before the go was
  EXPECT_EQ(number_of<todo::Inject>(again), 0u);
  EXPECT_EQ(number_of<todo::LookAgain>(again), 1u);
  EXPECT_EQ(number_of<todo::Inject>(run.feed(happened::LookedAgain{run.victims(), run.now})), 2u);
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

Error revert_failed(const char* what) { return {Errc::kRevertFailed, what, 0, "", nullptr}; }

bool none_is_clean(const Driven& run) {
  const auto& impacts = run.course.status().impacts;
  return std::none_of(impacts.begin(), impacts.end(), [](const auto& one) { return one.clean; }) &&
         cluster::find_condition(run.course.status().conditions, "Reverted")->reason == "RevertFailed";
}

TEST(Course, AnImpactThatWasAppliedInPartAndNotGivenBackIsNotClean) {
  Driven run(spec_of(1));
  run.begin();
  GuardEvent failed;
  failed.kind = Type::kApplyFailed;
  failed.impact = 10;
  failed.error = revert_failed("half of it is frozen");
  EXPECT_EQ(number_of<todo::EndGuard>(run.guard(failed)), 1u);
  EXPECT_EQ(number_of<todo::EngageLatch>(run.feed(happened::GuardEnded{})), 1u);
  EXPECT_TRUE(none_is_clean(run));
  EXPECT_EQ(run.impact(0).error, "half of it is frozen");
}

TEST(Course, AGuardThatEndsWithSomethingLeftMakesNoImpactClean) {
  Driven run(spec_of(2));
  run.begin();
  GuardEvent failed;
  failed.kind = Type::kApplyFailed;
  failed.impact = 10;
  failed.error = {Errc::kUnsupported, "no such module", 0, "", nullptr};
  run.guard(failed);
  run.guard(Type::kApplied, 11);
  run.guard(Type::kReverted, 11);
  EXPECT_EQ(number_of<todo::EngageLatch>(run.feed(happened::GuardEnded{revert_failed("the guard ended with 6")})), 1u);
  EXPECT_TRUE(none_is_clean(run));
  EXPECT_EQ(run.impact(0).state, "failed");
  EXPECT_EQ(run.impact(0).error, "no such module; the guard ended with 6");
}

TEST(Course, AGuardThatIsLostWithSomethingLeftAfterEachRevertMakesNoImpactClean) {
  Driven run(spec_of(2));
  run.inject();
  run.guard(Type::kReverted, 10);
  run.guard(Type::kReverted, 11);
  EXPECT_EQ(number_of<todo::EngageLatch>(run.feed(happened::GuardLost{"the guard hung", "a qdisc"})), 1u);
  EXPECT_TRUE(none_is_clean(run));
}

TEST(Course, AGuardThatFailsToBeginAndLeavesSomethingEngagesTheLatch) {
  Driven run(spec_of(2));
  run.read(look());
  run.feed(happened::SawHalt{std::nullopt, true});
  run.find();
  ToDos done = run.feed(happened::CannotBegin{revert_failed("the guard did not start, and is still alive")});
  EXPECT_EQ(number_of<todo::EngageLatch>(done), 1u);
  EXPECT_TRUE(none_is_clean(run));
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

}  // namespace
}  // namespace ordeal::agent
