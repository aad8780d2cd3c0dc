// A look belongs to the time at which its data was taken: over looks, windows and phases of every kind.
#include <gtest/gtest.h>

#include "core/base/random.h"
#include "run/engine/machine.h"
#include "run/engine/testing.h"

namespace ordeal::engine {
namespace {

constexpr Nanos kStep = 100ms;
constexpr Nanos kBaseline = 2s, kLength = 4s;

// One run of one victim that is hit from 2.1 s to 6.1 s or so, watched by looks of one shape: data from `age` to
// `fresh` before the answer, over a window that reaches back by `window` from there.
struct Shape {
  Nanos age{0}, fresh{0}, window{0};
};

class Played {
 public:
  explicit Played(Setup setup) : machine_(std::move(setup)) { take(machine_.start(now_)); }

  // Until the verdict; `see` gives what a look sees, or nothing.
  template <typename See>
  Verdict play(See see) {
    for (int i = 0; i < 1000 && !verdict_; ++i) {
      now_ += kStep;
      feed(Tick{});
      if (replaced_at && applied != BootTime{} && now_ - applied == *replaced_at) replace();
      if (injecting_) feed(Applied{0, {}, applied = now_}), injecting_ = false;
      bool off = ending != BootTime{} && reverted == BootTime{} && now_ - ending > kStep;
      if (off)
        feed(Reverted{replaced_at ? 1 : 0, true, false, "", "", applied, reverted = now_, 1ms,
                      Proof{true, "", "", 1, 1, ""}});
      std::optional<Observation> observation = see(now_);
      if (observation) feed(Observed{0, *observation});
    }
    return verdict_.value_or(Verdict{Outcome::kError, "no verdict", ""});
  }
  BootTime now() const { return now_; }
  BootTime applied{}, ending{}, reverted{};  // ending: the fault is asked off
  std::vector<std::string> notes;
  std::optional<Nanos> replaced_at;  // how long after the hit the victim goes, and another has joined

 private:
  void replace() {
    Victim other;
    other.name = "other";
    feed(Joined{other});
    injecting_ = false;
    feed(Applied{1, {}, now_});
    feed(VictimGone{0, "deleted"});
    feed(Reverted{0, true, false, "", "", applied, now_, 1ms, Proof{true, "", "", 1, 1, ""}});
  }
  void feed(const Event& event) { take(machine_.handle(now_, event)); }
  void take(const Actions& actions) {
    for (const Action& action : actions) {
      injecting_ |= std::holds_alternative<Inject>(action);
      if (std::holds_alternative<RevertAll>(action) && ending == BootTime{}) ending = now_;
      if (auto* note = note_of(action)) notes.push_back(note->text);
      if (auto* finish = std::get_if<Finish>(&action)) verdict_ = finish->verdict;
    }
  }

  Machine machine_;
  BootTime now_{Nanos(100s)};
  bool injecting_ = false;
  std::optional<Verdict> verdict_;
};

Setup setup_for(const Expectation& expectation) {
  Setup setup;
  setup.experiment.attack.length = kLength;
  setup.experiment.baseline = kBaseline;
  setup.experiment.recovery = 6s;
  setup.experiment.expect = {expectation};
  setup.victims.emplace_back().name = "v";
  setup.judges.push_back(*judge::Judge::create(expectation));
  setup.triggers.push_back(judge::FastTrigger::create(setup.experiment, expectation));
  return setup;
}

Expectation expectation_of(const std::string& query) {
  Expectation expectation;
  expectation.name = "errors";
  expectation.query = query;
  expectation.condition = "result < 0.01";
  return expectation;
}

Observation seen(double value, BootTime from, BootTime until, BootTime back_to) {
  Observation observation{Observation::Outcome::kValues, true, {{"", value}}, "", 1ms};
  observation.taken = DataTimes{from, until, until, back_to};
  return observation;
}

constexpr const char* kRatio = "sum(rate(bad[1m])) / sum(rate(all[1m]))";
constexpr const char* kUncounted = "max_over_time(x[1m])";

Verdict verdict_of(const std::string& query, Shape shape, std::optional<Nanos> counts_each = {}) {
  Played run(setup_for(expectation_of(query)));
  double total = 0;
  return run.play([&](BootTime now) {
    Observation observation = seen(0.001, now - shape.age, now - shape.fresh, now - shape.age - shape.window);
    if (counts_each) {
      observation.counts = Counts{{{"", 0, total += 10}}, 0, "", now - *counts_each};
    }
    return observation;
  });
}

TEST(Evidence, IsWhatWasTakenWithinThePhase) {
  struct Case {
    const char* what;
    const char* query;
    Shape shape;
    std::optional<Nanos> counts_each;
    Outcome outcome;
  };
  const Case cases[] = {
      {"a quick look", "x", {}, {}, Outcome::kHeld},
      {"a probe that takes 3 s of 4", "x", {3s}, {}, Outcome::kHeld},
      {"a probe that takes longer than the attack", "x", {5s}, {}, Outcome::kInconclusive},
      {"data that is 10 s old", "x", {10s, 10s}, {}, Outcome::kInconclusive},
      {"a window within the attack", kUncounted, {1s, 0s, 2s}, {}, Outcome::kHeld},
      {"a window from before, and nothing is counted", kUncounted, {200ms, 0s, 1min}, {}, Outcome::kInconclusive},
      {"a window from before, and the counts agree", kRatio, {200ms, 0s, 1min}, Nanos(0), Outcome::kHeld},
      {"a window from before, and the counts are as old",
       kRatio,
       {200ms, 0s, 1min},
       Nanos(1min),
       Outcome::kInconclusive},
  };
  for (const Case& c : cases) {
    Verdict verdict = verdict_of(c.query, c.shape, c.counts_each);
    EXPECT_EQ(verdict.outcome, c.outcome) << c.what << ": " << verdict.reason;
  }
}

TEST(Evidence, NobodyKnowsHowOldIsNone) {
  Played run(setup_for(expectation_of("x")));
  Verdict verdict = run.play([](BootTime) {
    return Observation{Observation::Outcome::kValues, true, {{"", 0}}, "", 1ms};
  });
  EXPECT_EQ(verdict.outcome, Outcome::kInconclusive);
  EXPECT_EQ(verdict.reason,
            "\"errors\" returned no evidence during the attack: it is not known when its data was taken");
}

TEST(Evidence, APageThatIsNotWholeIsNoneAndMaySpeakAgainst) {
  for (double value : {0.0, 0.5}) {
    Played run(setup_for(expectation_of("x")));
    Verdict verdict = run.play([&](BootTime now) {
      Observation observation = seen(run.applied == BootTime{} ? 0 : value, now, now, now);
      observation.doubt = "2 lines of it were dropped";
      return observation;
    });
    EXPECT_EQ(verdict.outcome, value > 0 ? Outcome::kDeviated : Outcome::kInconclusive) << verdict.reason;
    EXPECT_EQ(verdict.reason.find("2 lines") != std::string::npos, value == 0) << verdict.reason;
  }
}

// The one answer in the attack is to a question from before it.
TEST(Evidence, AProbeBegunBeforeTheAttackIsALookOfBefore) {
  Played run(setup_for(expectation_of("x")));
  Verdict verdict = run.play([&](BootTime now) -> std::optional<Observation> {
    bool in_force = run.applied != BootTime{} && run.reverted == BootTime{};
    if (!in_force) return seen(0, now, now, now);
    if (now - run.applied != 3s) return std::nullopt;
    return seen(0, now - 4s, now, now - 4s);
  });
  EXPECT_EQ(verdict.outcome, Outcome::kInconclusive) << verdict.reason;
}

// An answer that comes while the fault is being taken off.
TEST(Evidence, WhatSpeaksAgainstItIsHeardLateToo) {
  Expectation expectation = expectation_of("x");
  expectation.for_ = Nanos(0);
  for (bool in_force : {true, false}) {
    Played run(setup_for(expectation));
    Verdict verdict = run.play([&](BootTime now) {
      if (run.ending == BootTime{} || now != run.ending + kStep) return seen(0, now, now, now);
      BootTime then = in_force ? now - 300ms : now;
      return seen(1, then, then, then);
    });
    EXPECT_EQ(verdict.outcome, in_force ? Outcome::kDeviated : Outcome::kHeld) << verdict.reason;
  }
}

TEST(Evidence, WhatIsViolatedAtTheEndIsNotHeld) {
  Expectation expectation = expectation_of("x");
  expectation.for_ = 3s;
  Played run(setup_for(expectation));
  Verdict verdict = run.play([&](BootTime now) {
    bool bad = run.applied != BootTime{} && run.reverted == BootTime{} && now - run.applied > 2s;
    return seen(bad ? 1 : 0, now, now, now);
  });
  EXPECT_EQ(verdict.outcome, Outcome::kInconclusive) << verdict.reason;
  EXPECT_NE(verdict.reason.find("was violated when the attack ended"), std::string::npos) << verdict.reason;
}

// 400 errors at once, the first ever: no rate() shows them, and a burst is no alarm by itself.
TEST(Evidence, TheFirstErrorsOfASeriesCount) {
  for (Nanos lasting : {Nanos(0), Nanos(1s)}) {
    Expectation expectation = expectation_of(kRatio);
    if (lasting > Nanos(0)) expectation.for_ = lasting;
    Played run(setup_for(expectation));
    double bad = 0, total = 0;
    Verdict verdict = run.play([&](BootTime now) {
      total += 10;
      if (run.applied != BootTime{} && now - run.applied == 1s) bad = 20, total += 20;
      Observation observation = seen(0, now, now, now - 1min);
      observation.counts = Counts{{{"", bad, total}}, 0, "", now};
      return observation;
    });
    Outcome expected = lasting > Nanos(0) ? Outcome::kInconclusive : Outcome::kDeviated;
    EXPECT_EQ(verdict.outcome, expected) << verdict.reason;
    EXPECT_NE(verdict.reason.find("were bad"), std::string::npos) << verdict.reason;
  }
}

// With those who follow the attack does not begin anew, and not at the beginning of time either.
TEST(Evidence, WhoIsGoneWasHitAllTheSame) {
  for (bool fresh : {true, false}) {
    Expectation expectation = expectation_of("x");
    expectation.no_data = NoData::kPass;
    engine::Setup setup = setup_for(expectation);
    setup.follow = true;
    Played run(std::move(setup));
    run.replaced_at = 1s;
    Verdict verdict = run.play([&](BootTime now) -> std::optional<Observation> {
      bool during = run.applied != BootTime{} && run.reverted == BootTime{};
      BootTime then = during && !fresh ? run.applied - 1s : now;
      return seen(0, then, then, then);
    });
    EXPECT_EQ(verdict.outcome, fresh ? Outcome::kHeld : Outcome::kInconclusive) << verdict.reason;
  }
}

TEST(Evidence, WhatWasNeverSeenInjectsNothing) {
  for (bool expected : {true, false}) {
    Expectation expectation = expectation_of("x");
    expectation.expect_series = expected;
    Played run(setup_for(expectation));
    Verdict verdict = run.play([](BootTime now) {
      Observation observation = seen(0, now, now, now);
      observation.unseen = "there is no metric x; the nearest is y";
      return observation;
    });
    EXPECT_EQ(verdict.outcome, expected ? Outcome::kInconclusive : Outcome::kHeld) << verdict.reason;
    EXPECT_EQ(run.applied == BootTime{}, expected);
  }
}

TEST(Evidence, AnOwnLackIsNeverTheSystemsBreach) {
  for (NoData no_data : {NoData::kHold, NoData::kBreach, NoData::kPass}) {
    Expectation expectation = expectation_of("x");
    expectation.no_data = no_data;
    engine::Setup setup = setup_for(expectation);
    setup.experiment.attack.length = 30s;
    Played run(std::move(setup));
    Verdict verdict = run.play([&](BootTime now) {
      if (run.applied == BootTime{}) return seen(0, now, now, now);
      Observation blind{Observation::Outcome::kError, false, {}, "", 1ms};
      blind.own_lack = "cannot start check: Resource temporarily unavailable";
      return blind;
    });
    EXPECT_EQ(verdict.outcome, Outcome::kInconclusive) << verdict.reason;
    EXPECT_NE(verdict.reason.find("Resource temporarily"), std::string::npos) << verdict.reason;
    bool given_up = no_data != NoData::kPass;
    EXPECT_EQ(run.reverted - run.applied < 11s, given_up) << "blind for ten seconds, and the fault stays";
  }
}

TEST(Evidence, RemarksAreToldOnce) {
  Played run(setup_for(expectation_of("x")));
  run.play([](BootTime now) {
    Observation observation = seen(0, now, now, now);
    observation.caveat = "taken for 0";
    return observation;
  });
  EXPECT_EQ(std::count(run.notes.begin(), run.notes.end(), "\"errors\": taken for 0"), 1);
}

// Over phases and looks of every kind: held means that there was a good look wholly within, of the attack and of after.
TEST(Evidence, NothingIsHeldWithoutALookInside) {
  std::map<Outcome, int> outcomes;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Random random(seed);
    auto up_to = [&](Nanos most) { return Nanos(random.below(static_cast<uint64_t>(most.count()))); };
    engine::Setup setup = setup_for(expectation_of(kUncounted));
    setup.experiment.attack.length = 500ms + up_to(4s);
    setup.experiment.attack.lead_in = random.below(4) ? Nanos(0) : up_to(1s);
    Nanos lead_in = setup.experiment.attack.lead_in;
    setup.experiment.recovery = 3s;
    Played run(std::move(setup));
    std::vector<DataTimes> fed;
    Shape shape{up_to(3s), Nanos(0), random.below(2) ? Nanos(0) : up_to(3s)};
    shape.fresh = random.below(2) ? Nanos(0) : up_to(shape.age + 1ms);
    Verdict verdict = run.play([&](BootTime now) -> std::optional<Observation> {
      if (random.below(3) == 0) return std::nullopt;
      Observation observation = seen(0, now - shape.age, now - shape.fresh, now - shape.age - shape.window);
      fed.push_back(*observation.taken);
      return observation;
    });
    ++outcomes[verdict.outcome];
    if (verdict.outcome != Outcome::kHeld) continue;
    bool during = false, after = false;
    for (const DataTimes& taken : fed) {
      during |= taken.back_to >= run.applied + lead_in && taken.until <= run.reverted;
      after |= taken.back_to >= run.reverted;
    }
    EXPECT_TRUE(during && after) << "seed " << seed;
  }
  EXPECT_GT(outcomes[Outcome::kHeld], 300);
  EXPECT_GT(outcomes[Outcome::kInconclusive], 300);
}

}  // namespace
}  // namespace ordeal::engine
