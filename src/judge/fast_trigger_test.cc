#include "judge/fast_trigger.h"

#include <gtest/gtest.h>

namespace ordeal::judge {
namespace {

BootTime at_second(double seconds) { return BootTime(from_seconds(seconds)); }

// Counters that are read every 100 ms.
class Traffic {
 public:
  explicit Traffic(const FastOptions& options) : trigger(options) {}

  void baseline(int looks, double bad, double total) {
    for (int i = 0; i < looks; ++i) trigger.learn(step(bad, total), now());
    trigger.arm(now());
  }
  std::optional<FastAlarm> look(double bad, double total) { return trigger.observe(step(bad, total), now()); }
  // The page cannot be read: the counters stay, and so does the time of the newest sample.
  std::optional<FastAlarm> blind_look() {
    Counts counts = last_;
    ++ticks_;
    return trigger.observe(counts, now());
  }
  BootTime now() const { return at_second(ticks_ * 0.1); }

  FastTrigger trigger;

 private:
  Counts step(double bad, double total) {
    ++ticks_;
    bad_ += bad, total_ += total;
    last_.groups = {{"", bad_, total_}};
    last_.read_until_ms = 1'700'000'000'000 + ticks_ * 100;
    return last_;
  }
  int ticks_ = 0;
  double bad_ = 0, total_ = 0;
  Counts last_;
};

FastOptions options() {
  FastOptions options;
  options.allowed = 0.05;
  options.ticks = 6000;
  return options;
}

TEST(FastTrigger, ABreachOfFourTimesTheThresholdIsSeenInASecond) {
  Traffic traffic(options());
  traffic.baseline(50, 0.2, 20);
  std::optional<FastAlarm> alarm;
  int looks = 0;
  while (!alarm && ++looks < 100) alarm = traffic.look(4, 20);
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->kind, FastAlarm::Rule::kCusum);
  EXPECT_LE(looks, 8) << "200 a second, 20 % bad";
  EXPECT_NE(alarm->text.find("events were bad (20 %) within 700 ms"), std::string::npos) << alarm->text;
  EXPECT_NE(alarm->text.find("5 % allowed"), std::string::npos) << alarm->text;
  EXPECT_FALSE(traffic.look(20, 20)) << "told once";
}

TEST(FastTrigger, AtTheThresholdItIsSilent) {
  Traffic traffic(options());
  traffic.baseline(50, 1, 20);
  for (int i = 0; i < 6000; ++i) ASSERT_FALSE(traffic.look(1, 20));
  EXPECT_LT(traffic.trigger.closeness(), 1);
}

TEST(FastTrigger, ItSpeaksOnlyDuringTheAttack) {
  Traffic traffic(options());
  traffic.baseline(50, 20, 20);
  EXPECT_LT(traffic.trigger.closeness(), 1);
  EXPECT_FALSE(traffic.look(20, 20)) << "calibrated by what was usual before";
}

TEST(FastTrigger, WithAForAShortBurstIsDropped) {
  FastOptions patient = options();
  patient.for_ = 1s;
  Traffic traffic(patient);
  traffic.baseline(50, 0, 20);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(traffic.look(20, 20));
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(traffic.look(0, 20));
}

TEST(FastTrigger, WithAForALastingBreachIsTold) {
  FastOptions patient = options();
  patient.for_ = 1s;
  Traffic traffic(patient);
  traffic.baseline(50, 0, 20);
  int looks = 0;
  std::optional<FastAlarm> alarm;
  while (!alarm && ++looks < 100) alarm = traffic.look(10, 20);
  ASSERT_TRUE(alarm);
  EXPECT_GE(looks, 11);
  EXPECT_LE(looks, 19);
}

TEST(FastTrigger, WithAForTwoBurstsAreNotOneBreach) {
  FastOptions patient = options();
  patient.for_ = 2s;
  Traffic traffic(patient);
  traffic.baseline(50, 0, 20);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 7; ++i) EXPECT_FALSE(traffic.look(20, 20));
    for (int i = 0; i < 15; ++i) EXPECT_FALSE(traffic.look(0, 20));
  }
}

TEST(FastTrigger, WithAForSilenceWaitsToo) {
  FastOptions patient = options();
  patient.for_ = 3s;
  Traffic traffic(patient);
  traffic.baseline(50, 0, 20);
  int looks = 0;
  while (!traffic.look(0, 0) && looks < 100) ++looks;
  EXPECT_GE(looks, 29);
  EXPECT_LE(looks, 31);
}

// Looks from the breach to the alarm, when it comes so many looks after the attack began.
int looks_to_alarm(int after) {
  FastOptions early = options();
  early.early = 21;
  Traffic traffic(early);
  traffic.baseline(50, 0.2, 20);
  for (int i = 0; i < after; ++i) EXPECT_FALSE(traffic.look(0.2, 20));
  int looks = 1;
  while (!traffic.look(3, 20) && looks < 100) ++looks;
  return looks;
}

TEST(FastTrigger, TheBeginningOfAnAttackHasAHeadStart) {
  EXPECT_LT(looks_to_alarm(10), looks_to_alarm(30));
  EXPECT_EQ(looks_to_alarm(0), looks_to_alarm(10));
  EXPECT_EQ(looks_to_alarm(30), looks_to_alarm(300));
}

TEST(FastTrigger, ABurstOfHalfASecondIsNoBreach) {
  Traffic traffic(options());
  traffic.baseline(50, 0, 20);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(traffic.look(20, 20)) << "a pod is killed, and others take over";
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(traffic.look(0, 20));
}

// Errors that are read a look later than the requests they belong to are counted then.
TEST(FastTrigger, BadEventsThatComeLateAreNotLost) {
  Traffic traffic(options());
  traffic.baseline(50, 0, 20);
  std::optional<FastAlarm> alarm;
  for (int i = 0; i < 20 && !alarm; ++i) {
    alarm = traffic.look(0, 40);
    if (!alarm) alarm = traffic.look(30, 0);
  }
  EXPECT_TRUE(alarm);
}

TEST(FastTrigger, TrafficThatCeasesIsSilence) {
  Traffic traffic(options());
  traffic.baseline(50, 0, 20);
  int looks = 0;
  std::optional<FastAlarm> alarm;
  while (!alarm && ++looks < 100) alarm = traffic.look(0, 0);
  ASSERT_TRUE(alarm);
  EXPECT_EQ(alarm->kind, FastAlarm::Rule::kSilence);
  EXPECT_EQ(looks, 10) << "78 ms would be enough at 200 a second; the least patience is 1 s";
  EXPECT_NE(alarm->text.find("no event for 1 s, 200 a second before"), std::string::npos) << alarm->text;
}

TEST(FastTrigger, LittleTrafficNeedsLongerSilence) {
  Traffic traffic(options());
  traffic.baseline(100, 0, 0.5);
  int looks = 0;
  while (!traffic.look(0, 0) && looks < 100) ++looks;
  EXPECT_GT(looks, 25) << "15.6 events would be missing after 3.1 s";
  EXPECT_LT(looks, 40);
}

TEST(FastTrigger, CountersThatCannotBeReadAreNotSilence) {
  Traffic traffic(options());
  traffic.baseline(50, 0, 20);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(traffic.blind_look());
}

TEST(FastTrigger, SilenceMayPass) {
  FastOptions deaf = options();
  deaf.silence = false;
  Traffic traffic(deaf);
  traffic.baseline(50, 0, 20);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(traffic.look(0, 0));
}

TEST(FastTrigger, WithoutTrafficBeforeThereIsNoSilence) {
  Traffic traffic(options());
  traffic.baseline(50, 0, 0.1);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(traffic.look(0, 0));
}

TEST(FastTrigger, EachGroupIsCountedForItself) {
  FastTrigger trigger(options());
  auto counts = [](double a_bad, double total, int look) {
    Counts seen;
    seen.groups = {{"route=/a", a_bad, total}, {"route=/b", 0, total * 50}};
    seen.read_until_ms = 1'700'000'000'000 + look * 100;
    return seen;
  };
  for (int i = 0; i < 50; ++i) trigger.learn(counts(0, i * 10, i), at_second(i * 0.1));
  trigger.arm(at_second(5));
  std::optional<FastAlarm> alarm;
  for (int i = 0; i < 20 && !alarm; ++i)
    alarm = trigger.observe(counts(i * 5, 500 + i * 10, 50 + i), at_second(5 + i * 0.1));
  ASSERT_TRUE(alarm) << "of all requests it is less than 1 %";
  EXPECT_EQ(alarm->group, "route=/a");
}

TEST(FastTrigger, IsMadeFromTheExperiment) {
  Experiment experiment;
  experiment.attack.length = 10s;
  experiment.sources.interval = 100ms;
  Expectation expectation;
  expectation.condition = "result < 0.01";
  expectation.query = "sum(rate(e[1m])) / sum(rate(t[1m]))";
  EXPECT_TRUE(FastTrigger::create(experiment, expectation));
  expectation.query = "up";
  EXPECT_FALSE(FastTrigger::create(experiment, expectation));
}

}  // namespace
}  // namespace ordeal::judge
