// A run that only looks: nobody is hit, and what is seen decides alone.
#include <gtest/gtest.h>

#include "run/engine/testing.h"

namespace ordeal::engine {
namespace {

// Every step is 200 ms later.
struct LookingRun {
  explicit LookingRun(NoData no_data = NoData::kBreach) : machine(setup(no_data)) { take(machine.start(now)); }

  static Setup setup(NoData no_data) {
    Setup setup;
    setup.only_looks = true;
    setup.experiment.attack.length = 2s;
    Expectation expectation;
    expectation.name = "certificates";
    expectation.certificate = CertificateProbe{"shop.example"};
    expectation.condition = "result >= 720";
    expectation.when = {When::kDuring};
    expectation.no_data = no_data;
    setup.judges.push_back(*judge::Judge::create(expectation));
    setup.experiment.expect.push_back(expectation);
    return setup;
  }
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      touched |= std::holds_alternative<Inject>(action) || std::holds_alternative<Check>(action) ||
                 std::holds_alternative<RevertAll>(action);
      if (auto* finish = std::get_if<Finish>(&action)) verdict = finish->verdict;
    }
  }
  void feed(const Event& event) { take(machine.handle(now, event)); }
  void see(Observation seen) {
    seen.taken = DataTimes{now, now + 1ms, now + 1ms, now};
    now += 1ms;
    feed(Observed{0, seen});
  }
  void see(double hours) { see({Observation::Outcome::kValues, true, {{"", hours}}, "", 1ms}); }
  void tick() {
    now += 200ms;
    feed(Tick{});
  }

  Machine machine;
  BootTime now{};
  bool touched = false;
  std::optional<Verdict> verdict;
};

TEST(OnlyLooks, EndsWhenEachWasSeenToHoldAndHitsNobody) {
  LookingRun run;
  EXPECT_EQ(run.machine.phase(), Phase::kDuring);
  run.tick();
  run.see(721);
  run.tick();
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHeld) << run.verdict->reason;
  EXPECT_EQ(run.verdict->reason, "1 expectation held; nothing was injected");
  EXPECT_FALSE(run.touched);
}

TEST(OnlyLooks, DeviatesOnTheFirstThatDoesNotHold) {
  LookingRun run;
  run.tick();
  run.see(719);
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_FALSE(run.touched);
}

TEST(OnlyLooks, NoAnswerIsADeviationAndNeverHeld) {
  LookingRun run;
  run.tick();
  run.see({Observation::Outcome::kError, false, {}, "no TLS with shop.example:443", 1ms});
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kDeviated);
  EXPECT_NE(run.verdict->reason.find("no TLS with shop.example:443"), std::string::npos) << run.verdict->reason;
}

TEST(OnlyLooks, WithoutAnyAnswerNothingIsHeldWhenItsTimeIsOver) {
  LookingRun run(NoData::kPass);
  for (int i = 0; i < 30 && !run.verdict; ++i) run.tick();
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kInconclusive) << run.verdict->reason;
}

TEST(OnlyLooks, AHaltEndsIt) {
  LookingRun run;
  run.tick();
  run.feed(HaltAsked{"signal", "Interrupt"});
  ASSERT_TRUE(run.verdict);
  EXPECT_EQ(run.verdict->outcome, Outcome::kHalted);
}

}  // namespace
}  // namespace ordeal::engine
