// What is read and judged again while impacts are in force.
#include "app/agent/course/course_testing.h"

namespace ordeal::agent {
namespace {

std::vector<Result<Victim>> refused_second(const Driven& run) {
  auto victims = run.victims();
  victims[1] = fail(Errc::kRefused, "api-1 is refused by the policy");
  return victims;
}

TEST(Again, EachReadOfTheExperimentReadsTheHaltAndJudgesTheVictims) {
  Driven run(spec_of(1));
  run.inject();
  for (int i = 0; i < 6; ++i) {
    run.pass(5s);
    EXPECT_EQ(number_of<todo::ReadHalt>(run.done), 1u);
    EXPECT_EQ(number_of<todo::LookAgain>(run.done), 1u);
    run.read(look(2 + i));
  }
  EXPECT_EQ(run.course.status().state, "injected");
}

TEST(Again, AHaltThatNoWatchShowsEndsItWhenItIsRead) {
  Driven run(spec_of(1));
  run.inject();
  run.reads_halt = false;
  run.pass(5s);
  run.feed(happened::SawHalt{cluster::Halt{"h", 1, true, "drill", "eve"}, true});
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "latch");
}

TEST(Again, AHaltThatCannotBeReadForTheLeaseEndsItThoughRenewalsCome) {
  Driven run(spec_of(1));
  run.inject();
  run.reads_halt = false;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(number_of<todo::RevertAll>(run.pass(5s)), 0u);
    run.read(look(2 + i));
  }
  EXPECT_EQ(number_of<todo::RevertAll>(run.pass(4999ms)), 0u);
  run.pass(1ms);
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "latch");
}

TEST(Again, AVictimThatMayNotBeHitAnyMoreEndsIt) {
  Driven run(spec_of(2));
  run.inject();
  run.feed(happened::LookedAgain{refused_second(run), run.now});
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "error");
  EXPECT_EQ(run.course.status().why, "api-1 is refused by the policy");
}

TEST(Again, AVictimThatIsGoneOrWasNeverHitEndsNothing) {
  Driven gone(spec_of(2));
  gone.inject();
  auto victims = gone.victims();
  victims[1] = fail(Errc::kNotInjected, "there is no pod api-1");
  EXPECT_TRUE(gone.feed(happened::LookedAgain{std::move(victims), gone.now}).empty());
  Driven never(spec_of(2));
  never.read(look());
  never.feed(happened::SawHalt{std::nullopt, true});
  never.feed(happened::FoundVictims{refused_second(never)});
  never.feed(happened::GuardReady{});
  never.guard(Type::kApplied, 10);
  EXPECT_TRUE(never.feed(happened::LookedAgain{refused_second(never), never.now}).empty());
}

TEST(Again, AVictimThatIsRelabelledBetweenCheckAndGoIsNotHit) {
  cluster::InjectionSpec spec = spec_of(2);
  spec.waits_for_go = true;
  Driven run(std::move(spec));
  run.begin();
  run.guard(Type::kChecked, 10);
  run.guard(Type::kChecked, 11);
  ExperimentLook go = look(2);
  go.renewal.go = true;
  EXPECT_EQ(number_of<todo::Inject>(run.read(go)), 0u);
  run.feed(happened::LookedAgain{refused_second(run), run.now});
  EXPECT_EQ(number_of<todo::Inject>(run.done), 0u);
  EXPECT_EQ(number_of<todo::RevertAll>(run.done), 1u);
}

// A look that takes longer than from one to the next is not begun anew each time.
TEST(Again, ASlowServerIsWaitedFor) {
  Driven run(spec_of(1));
  run.inject();
  run.looks_again = false;
  BootTime asked{};
  for (int i = 0; i < 40; ++i) {
    run.pass(1s);
    ASSERT_EQ(number_of<todo::RevertAll>(run.done), 0u) << "after " << i << " s";
    if (number_of<todo::LookAgain>(run.done) > 0) asked = run.now;
    if (number_of<todo::ReadExperiment>(run.done) > 0) run.read(look(2 + i));
    if (asked > BootTime{} && run.now >= asked + 7s) {
      run.feed(happened::LookedAgain{run.victims(), asked});
      asked = number_of<todo::LookAgain>(run.done) > 0 ? run.now : BootTime{};
    }
  }
  EXPECT_EQ(run.course.status().state, "injected");
}

TEST(Again, ALookThatIsNeverAnsweredEndsItAfterTheLease) {
  Driven run(spec_of(1));
  run.inject();
  run.looks_again = false;
  size_t looks = 0;
  for (int i = 0; i < 14; ++i) {
    run.pass(1s);
    looks += number_of<todo::LookAgain>(run.done);
    if (number_of<todo::ReadExperiment>(run.done) > 0) run.read(look(2 + i));
  }
  EXPECT_EQ(looks, 1u);
  run.pass(1s);
  run.finish();
  EXPECT_NE(run.course.status().why.find("could not be read for 15s"), std::string::npos);
}

// Of one that was under way when the go came nobody knows whether it is older.
TEST(Again, AGoIsFollowedByALookOfItsOwn) {
  cluster::InjectionSpec spec = spec_of(1);
  spec.waits_for_go = true;
  Driven run(std::move(spec));
  run.begin();
  run.looks_again = false;
  run.guard(Type::kChecked, 10);
  run.pass(5s);
  BootTime asked = run.now;
  EXPECT_EQ(number_of<todo::LookAgain>(run.done), 1u);
  run.now += 1s;
  ExperimentLook go = look(2);
  go.renewal.go = true;
  EXPECT_EQ(number_of<todo::LookAgain>(run.read(go)), 0u) << "one is under way";
  EXPECT_EQ(number_of<todo::Inject>(run.feed(happened::LookedAgain{run.victims(), asked})), 0u);
  EXPECT_EQ(number_of<todo::LookAgain>(run.done), 1u);
  EXPECT_EQ(number_of<todo::Inject>(run.feed(happened::LookedAgain{run.victims(), run.now})), 1u);
}

TEST(Again, APolicyThatAllowsNothingAnyMoreEndsItAtOnce) {
  Driven run(spec_of(1));
  run.inject();
  run.feed(happened::CouldNotLook{{Errc::kRefused, "which policy applies is not known", 0, "", nullptr}});
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "error");
}

TEST(Again, APolicyThatCannotBeReadIsTriedAgainAndEndsItAfterTheLease) {
  Driven run(spec_of(1));
  run.inject();
  run.looks_again = false;
  size_t looks = 0;
  for (int i = 0; i < 29; ++i) {
    run.pass(500ms);
    looks += number_of<todo::LookAgain>(run.done);
    if (number_of<todo::ReadExperiment>(run.done) > 0) run.read(look(2 + i));
    run.feed(happened::CouldNotLook{{Errc::kSystem, "connection refused", 0, "", nullptr}});
    ASSERT_EQ(number_of<todo::RevertAll>(run.done), 0u);
  }
  EXPECT_GE(looks, 20u);
  run.pass(500ms);
  run.finish();
  EXPECT_EQ(run.course.status().halted_by, "error");
  EXPECT_NE(run.course.status().why.find("connection refused"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::agent
