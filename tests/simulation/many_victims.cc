// 10 000 victims of one run on one thread, in a world that answers at once: all are asked for in one go, what the
// machine does for each does not grow with their number, and those that come later are taken in.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "run/engine/session.h"

namespace ordeal {
namespace {

constexpr int kVictims = 10'000;

class World : public Watcher, public Injector, public Actuator, public RecoveryWatcher {
 public:
  engine::World parts() {
    return {*this, *this, *this, *this, [this] { return now; }};
  }
  engine::Inbox inbox;
  BootTime now = BootTime(1h);
  int asked = 0, asked_at_once = 0, reverted = 0;

  void look(size_t expectation, BootTime) override {
    Observation seen{Observation::Outcome::kValues, true, {{"", 0.001}}, "", 1ms};
    seen.taken = DataTimes{now, now, now, now};
    inbox.push_back(engine::Observed{expectation, seen});
  }
  int descriptor() const override { return -1; }
  void dispatch() override {}
  void check(int impact, const Victim&, const Attack&) override { inbox.push_back(engine::Checked{impact}); }
  void inject(int impact, const Victim&, const Attack&) override {
    ++asked;
    in_force_.push_back(impact);
    inbox.push_back(engine::Applied{impact, {}, now});
  }
  void renew() override {}
  void revert_all(const std::string& why) override {
    for (int impact : std::exchange(in_force_, {})) {
      ++reverted;
      inbox.push_back(engine::Reverted{impact, true, false, why, "", now, now, 1ms, Proof{true, "all", "", 1, 1, ""}});
    }
    inbox.push_back(engine::NothingInForce{});
  }
  void act(const std::string&) override {}
  void look_for_return(int, BootTime) override {}

 private:
  std::vector<int> in_force_;
};

engine::Setup setup_of(int victims) {
  engine::Setup setup;
  setup.experiment.name = "many";
  setup.experiment.attack.length = 2s;
  setup.experiment.baseline = 500ms;
  setup.experiment.recovery = 500ms;
  for (int i = 0; i < victims; ++i) {
    Victim victim;
    victim.name = fmt::format("shop/api-{}", i);
    setup.victims.push_back(std::move(victim));
  }
  Expectation expectation;
  expectation.name = "errors";
  expectation.query = "errors";
  expectation.condition = "result < 0.01";
  setup.judges.push_back(*judge::Judge::create(expectation));
  return setup;
}

struct Played {
  explicit Played(engine::Setup setup)
      : session(std::move(setup), world.parts(), world.inbox, {"run", WallOffset(), 100ms},
                [this](const RunEvent& event) {
                  injected += as<events::Injected>(event) != nullptr, ended += as<events::Reverted>(event) != nullptr;
                }) {
    session.start();
  }
  void turn() {
    int before = world.asked;
    session.dispatch();
    world.asked_at_once = std::max(world.asked_at_once, world.asked - before);
    if (world.inbox.empty()) world.now += 10ms;
  }
  void to_the_end() {
    for (int i = 0; i < 10'000 && !session.finished(); ++i) turn();
  }

  World world;
  int injected = 0, ended = 0;
  engine::Session session;
};

void expect_all_hit(Played& played) {
  ASSERT_TRUE(played.session.finished());
  EXPECT_STREQ(to_text(played.session.verdict().outcome), "held") << played.session.verdict().reason;
  EXPECT_EQ(played.world.asked_at_once, kVictims);
  EXPECT_EQ(played.injected, kVictims);
  EXPECT_EQ(played.ended, kVictims);
}

TEST(ManyVictims, AreInjectedInOneGo) {
  Played played(setup_of(kVictims));
  played.to_the_end();
  expect_all_hit(played);
}

TEST(ManyVictims, OfAnAttackThatCannotBeUndoneToo) {
  engine::Setup setup = setup_of(kVictims);
  setup.one_way = true;
  setup.one_by_one = false;
  Played played(std::move(setup));
  played.to_the_end();
  expect_all_hit(played);
}

TEST(ManyVictims, AFailureOfEachIsToldInASentence) {
  Played played(setup_of(kVictims));
  while (played.world.asked == 0) played.turn();
  for (engine::Event& event : played.world.inbox)
    if (auto* applied = std::get_if<engine::Applied>(&event))
      event = engine::ApplyFailed{applied->impact, Error{Errc::kNotInjected, "no agent", 0, "", nullptr}};
  played.to_the_end();
  EXPECT_STREQ(to_text(played.session.verdict().outcome), "not injected");
  EXPECT_LT(played.session.verdict().reason.size(), 2'000u);
  EXPECT_NE(played.session.verdict().reason.find("and 9980 more"), std::string::npos);
}

Victim named(const std::string& name) {
  Victim victim;
  victim.name = name;
  return victim;
}

TEST(ManyVictims, ComeAndGoWhereTheyAreFollowed) {
  engine::Setup setup = setup_of(4);
  setup.follow = true;
  Played played(std::move(setup));
  while (played.injected < 4) played.turn();
  for (int i = 0; i < 3; ++i) {
    played.world.inbox.push_back(engine::VictimGone{i, "its pod was deleted"});
    played.world.inbox.push_back(engine::Joined{named(fmt::format("shop/api-new-{}", i))});
    played.turn();
  }
  played.to_the_end();
  EXPECT_STREQ(to_text(played.session.verdict().outcome), "held") << played.session.verdict().reason;
  EXPECT_EQ(played.injected, 7);
  EXPECT_EQ(played.world.reverted, 7);
}

TEST(ManyVictims, AreMissedWhereTheyAreNotFollowed) {
  Played played(setup_of(4));
  while (played.injected < 4) played.turn();
  played.world.inbox.push_back(engine::VictimGone{0, "its pod was deleted"});
  played.to_the_end();
  EXPECT_STREQ(to_text(played.session.verdict().outcome), "not injected");
}

TEST(ManyVictims, ThatAllWentEndTheRun) {
  engine::Setup setup = setup_of(3);
  setup.follow = true;
  Played played(std::move(setup));
  while (played.injected < 3) played.turn();
  for (int i = 0; i < 3; ++i) played.world.inbox.push_back(engine::VictimGone{i, "its pod was deleted"});
  played.to_the_end();
  EXPECT_STREQ(to_text(played.session.verdict().outcome), "not injected") << played.session.verdict().reason;
}

}  // namespace
}  // namespace ordeal
