// 500 runs on one thread, in real time, in worlds that answer at once or late: each ends as it must, and a halt reaches
// its injector within two ticks although the others run, too.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/base/random.h"
#include "run/engine/session.h"

namespace ordeal {
namespace {

constexpr size_t kSessions = 500;
constexpr Nanos kTick = 200ms;
constexpr Nanos kLength = 3s;

Observation good_look(BootTime asked) {
  Observation seen{Observation::Outcome::kValues, true, {{"", 0.001}}, "", 1ms};
  BootTime now = boot_now();
  seen.taken = DataTimes{asked, now, now, asked};
  return seen;
}

class SimulatedWorld : public Watcher, public Injector, public Actuator, public RecoveryWatcher {
 public:
  explicit SimulatedWorld(uint64_t seed) : random_(seed) {}

  engine::World parts() { return {*this, *this, *this, *this, boot_now}; }
  engine::Inbox inbox;
  std::optional<BootTime> reverted_at;
  std::map<int, BootTime> in_force;

  // What is due by now goes into the inbox.
  void deliver() {
    auto due = [now = boot_now()](const auto& late) { return late.first <= now; };
    for (const auto& late : late_)
      if (due(late)) inbox.push_back(late.second());
    std::erase_if(late_, due);
  }
  BootTime next() const {
    BootTime next = BootTime::max();
    for (const auto& late : late_) next = std::min(next, late.first);
    return next;
  }

  void look(size_t expectation, BootTime) override {
    answer([=, asked = boot_now()] { return engine::Observed{expectation, good_look(asked)}; });
  }
  int descriptor() const override { return -1; }
  void dispatch() override {}
  void check(int impact, const Victim&, const Attack&) override {
    answer([=] { return engine::Checked{impact}; });
  }
  void inject(int impact, const Victim&, const Attack&) override {
    in_force.emplace(impact, boot_now());
    answer([=] { return engine::Applied{impact, {}, boot_now()}; });
  }
  void renew() override {}
  void revert_all(const std::string& why) override {
    if (!reverted_at) reverted_at = boot_now();
    for (const auto& [impact, applied] : in_force)
      inbox.push_back(engine::Reverted{impact, true, false, why, "", applied, boot_now(), 1ms,
                                       Proof{true, "all of it", "", 1, 1, ""}});
    in_force.clear();
    inbox.push_back(engine::NothingInForce{});
  }
  void act(const std::string&) override {}
  void look_for_return(int, BootTime) override {}

 private:
  void answer(std::function<engine::Event()> event) {
    late_.emplace_back(boot_now() + (random_.below(2) ? Nanos(random_.below(50'000'000)) : Nanos(0)), std::move(event));
  }

  Random random_;
  std::vector<std::pair<BootTime, std::function<engine::Event()>>> late_;
};

engine::Setup make_setup() {
  engine::Setup setup;
  setup.experiment.name = "one of many";
  setup.experiment.attack.length = kLength;
  setup.experiment.baseline = 500ms;
  setup.experiment.recovery = 500ms;
  Victim victim;
  victim.name = "victim";
  setup.victims = {victim};
  Expectation expectation;
  expectation.name = "errors";
  expectation.query = "errors";
  expectation.condition = "result < 0.01";
  setup.judges.push_back(*judge::Judge::create(expectation));
  return setup;
}

struct Hosted {
  explicit Hosted(uint64_t number)
      : world(number),
        session(make_setup(), world.parts(), world.inbox, {fmt::format("run-{}", number), WallOffset(), kTick},
                [this](const RunEvent& event) { last = events::type_of(event.data); }) {
    session.start();
  }

  BootTime next_wake() const { return std::min(session.next_wake(), world.next()); }
  void dispatch() {
    world.deliver();
    session.dispatch();
  }
  void halt() {
    halted_at = halt_due;
    session.halt("person", "enough");
  }

  SimulatedWorld world;
  std::string last;
  engine::Session session;
  std::optional<BootTime> halt_due, halted_at;
};

std::vector<std::unique_ptr<Hosted>> start_all(Random& random) {
  std::vector<std::unique_ptr<Hosted>> all;
  for (size_t i = 0; i < kSessions; ++i) {
    all.push_back(std::make_unique<Hosted>(i));
    if (i % 2) all.back()->halt_due = boot_now() + 1s + Nanos(random.below(2'000'000'000));
  }
  return all;
}

// One round over all of them, as a host with one thread does.
BootTime host(std::vector<std::unique_ptr<Hosted>>& all) {
  BootTime next = boot_now() + kTick;
  for (auto& one : all) {
    if (one->session.finished()) continue;
    if (one->halt_due && !one->halted_at && boot_now() >= *one->halt_due) one->halt();
    if (one->next_wake() <= boot_now()) one->dispatch();
    next = std::min(next, one->next_wake());
    if (one->halt_due && !one->halted_at) next = std::min(next, *one->halt_due);
  }
  return next;
}

TEST(ManySessions, LiveOnOneThreadAndAHaltReachesItsOwnAtOnce) {
  Random random(20261129);
  auto all = start_all(random);
  BootTime limit = boot_now() + 20s;
  while (std::any_of(all.begin(), all.end(), [](const auto& one) { return !one->session.finished(); })) {
    ASSERT_LT(boot_now(), limit) << "some never end";
    std::this_thread::sleep_until(std::chrono::steady_clock::now() + (host(all) - boot_now()));
  }
  std::vector<double> halts;
  for (const auto& one : all) {
    EXPECT_TRUE(one->world.in_force.empty());
    EXPECT_EQ(one->last, "verdict");
    ASSERT_TRUE(one->world.reverted_at);
    Outcome wanted = one->halted_at ? Outcome::kHalted : Outcome::kHeld;
    EXPECT_EQ(one->session.verdict().outcome, wanted) << one->session.verdict().reason;
    if (one->halted_at) halts.push_back(to_millis(*one->world.reverted_at - *one->halted_at));
  }
  ASSERT_EQ(halts.size(), kSessions / 2);
  std::sort(halts.begin(), halts.end());
  fmt::print("from a halt to its injector: p50 {:.2f} ms, max {:.2f} ms\n", halts[halts.size() / 2], halts.back());
  EXPECT_LT(halts.back(), 2 * to_millis(kTick));
}

}  // namespace
}  // namespace ordeal
