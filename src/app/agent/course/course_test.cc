#include "app/agent/course/course_testing.h"

namespace ordeal::agent {
namespace {

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

}  // namespace
}  // namespace ordeal::agent
