#include "fault/guard/link/heartbeat.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/guard/link/messages.h"
#include "fault/guard/link/pulse.h"
#include "fault/guard/link/wire.h"

namespace ordeal::guard {
namespace {

BootTime at(Nanos time) { return BootTime(100s + time); }

TEST(PeerPulse, SilenceBeyondTheLimitOrWhatWasAnnouncedIsAHang) {
  struct Row {
    Nanos announced, passed;
    bool silent, hangs;
  };
  const Row rows[] = {
      {0ms, 100ms, false, false}, {0ms, 500ms, false, false},
      {0ms, 501ms, true, true},   {900ms, 840ms, true, false},   // a machine on which a step took 840 ms
      {900ms, 901ms, true, true}, {100ms, 400ms, false, false},  // no shorter than the usual
      {5s, 4999ms, true, false},  {5s, 5001ms, true, true},
  };
  for (const Row& row : rows) {
    PeerPulse pulse(500ms);
    pulse.received(at(0s), Beat{true, 1, row.announced});
    EXPECT_EQ(pulse.silent(at(row.passed)), row.silent) << row.announced / 1ms << " " << row.passed / 1ms;
    EXPECT_EQ(pulse.hangs(at(row.passed)), row.hangs) << row.announced / 1ms << " " << row.passed / 1ms;
  }
}

TEST(PeerPulse, ABeatWithoutProgressIsNoSignOfLife) {
  PeerPulse pulse(500ms);
  pulse.received(at(0s), Beat{true, 7, 0s});
  for (Nanos time = 100ms; time <= 600ms; time += 100ms) pulse.received(at(time), Beat{true, 7, 5s});
  EXPECT_TRUE(pulse.hangs(at(600ms))) << "something beats beside a loop that is stuck";
  pulse.received(at(600ms), Beat{true, 8, 0s});
  EXPECT_FALSE(pulse.hangs(at(700ms)));
}

TEST(PeerPulse, TheEndOfAStepEndsItsBudget) {
  PeerPulse pulse(500ms);
  pulse.received(at(0s), Beat{true, 1, 5s});
  pulse.received(at(1s), Beat{true, 2, 0s});
  EXPECT_TRUE(pulse.hangs(at(1501ms)));
}

TEST(PeerPulse, NobodyAnnouncesMoreThanFiveSeconds) {
  PeerPulse peer(500ms);
  peer.received(at(0s), Beat{true, 3, 60s});
  EXPECT_FALSE(peer.hangs(at(kMostBudget)));
  EXPECT_TRUE(peer.hangs(at(kMostBudget + 1ms)));
  peer.received(at(10s), Beat{true, 4, -5s});
  EXPECT_TRUE(peer.hangs(at(10s + 501ms)));
}

struct Ears {
  std::pair<UniqueFd, UniqueFd> pair = *message_pair();
  int mouth() const { return pair.first.get(); }
  std::vector<Beat> beats() const {
    std::vector<Beat> all;
    for (;;) {
      auto received = receive_message(pair.second.get());
      if (!received || !received->message) return all;
      all.push_back(std::get<Beat>(*from_message<FromGuard>(*received->message)));
    }
  }
};

TEST(Pulse, BeatsAtItsIntervalAndAtOnceWhenAnImpactComesIntoForce) {
  Ears ears;
  Pulse pulse({ears.mouth()});
  pulse.beat(at(0s), false);
  pulse.beat(at(1s), false);
  EXPECT_EQ(ears.beats().size(), 1u);
  pulse.beat(at(1s), true);
  pulse.beat(at(1050ms), true);
  pulse.beat(at(1100ms), true);
  std::vector<Beat> beats = ears.beats();
  ASSERT_EQ(beats.size(), 2u);
  EXPECT_TRUE(beats[0].active && beats[1].active);
  EXPECT_LT(beats[0].progress, beats[1].progress);
}

TEST(Pulse, AStepInAStepGivesBackTheOuterBudget) {
  Ears ears;
  Pulse pulse({ears.mouth()});
  {
    Pulse::Step outer = pulse.step(3s);
    { Pulse::Step inner = pulse.step(1s); }
  }
  std::vector<Nanos> budgets;
  int64_t progress = -1;
  for (const Beat& beat : ears.beats()) {
    budgets.push_back(beat.budget);
    EXPECT_TRUE(beat.active) << "what is being made may be in force";
    EXPECT_GT(beat.progress, progress);
    progress = beat.progress;
  }
  EXPECT_EQ(budgets, (std::vector<Nanos>{3s, 1s, 3s, 0s}));
}

TEST(Pulse, InAStepOfManyThingsEachThatIsDoneBeginsTheBudgetAnew) {
  Ears ears;
  Pulse pulse({ears.mouth()});
  PeerPulse peer(500ms);
  Pulse::Step step = pulse.step(1s);
  for (Nanos time = 0s; time <= 3s; time += 50ms) {
    pulse.beat(at(time), true);
    for (const Beat& beat : ears.beats()) peer.received(at(time), beat);
    ASSERT_FALSE(peer.silent(at(time)));
  }
  EXPECT_FALSE(peer.hangs(at(3900ms)));
  EXPECT_TRUE(peer.hangs(at(4001ms)));
}

TEST(Pulse, OfAListenerThatIsGoneTheOthersHearAllTheSame) {
  Ears first, second;
  Pulse pulse({first.mouth(), second.mouth()});
  first.pair.second.reset();
  pulse.beat(at(0s), true);
  EXPECT_EQ(second.beats().size(), 1u);
}

TEST(Heartbeat, AStoppedProcessIsToldFromASlowOne) {
  pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  EXPECT_FALSE(is_stopped(child));
  ::kill(child, SIGSTOP);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, WUNTRACED), child);
  EXPECT_TRUE(is_stopped(child));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_FALSE(is_stopped(child));
}

TEST(PeerPulse, AStallOfTheListenerIsNotThePeersSilence) {
  EXPECT_EQ(overslept(600ms, 100ms), Nanos(500ms));
  EXPECT_EQ(overslept(150ms, 100ms), Nanos(0)) << "mere scheduling";
  PeerPulse pulse(500ms);
  pulse.expect(BootTime(1s));
  EXPECT_TRUE(pulse.silent(BootTime(1700ms)));
  pulse.forgive(500ms);
  EXPECT_FALSE(pulse.silent(BootTime(1700ms)));
  EXPECT_TRUE(pulse.silent(BootTime(2100ms)));
}

}  // namespace
}  // namespace ordeal::guard
