// Thousands of seeded runs of several attacks, pulses and steps with the real engine and the guard's own lease table,
// in a world that loses and repeats messages, answers late, halts and crashes at any moment. Whatever happens: nothing
// is in force after its length, after a halt or without a lease, never two impacts on one resource, and held means that
// each was in force at its time and proven. A failure prints its seed: ORDEAL_SEED=n runs that one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <queue>

#include "core/base/random.h"
#include "fault/guard/lease_table.h"
#include "run/engine/machine.h"

namespace ordeal {
namespace {

using engine::Machine;
using engine::Wave;

constexpr Nanos kLease = 5s;
constexpr Nanos kTick = 200ms;
constexpr Nanos kMostDelay = 50ms;  // of a message

class CombinedRun {
 public:
  explicit CombinedRun(uint64_t seed) : random_(seed), machine_(make_setup()) {
    draw_troubles();
    carry_out(machine_.start(now_));
    at(now_, [this] { tick(); });
  }

  void run() {
    for (int steps = 0; steps < 100'000 && next() < BootTime(10min); ++steps) {
      now_ = next();
      end_what_is_due();
      if (!queue_.empty() && queue_.top().time <= now_) {
        auto work = queue_.top().work;
        queue_.pop();
        work();
      }
      check_in_force();
      if (testing::Test::HasFatalFailure()) return;
    }
  }

  void check_at_the_end() const {
    EXPECT_TRUE(in_force_.empty()) << "an impact outlived its run";
    if (!engine_alive_) return;
    ASSERT_TRUE(verdict_) << "the run never ended";
    if (verdict_->outcome != Outcome::kHeld) return;
    EXPECT_TRUE(unproven_.empty()) << "held without proof of each";
    EXPECT_EQ(begun_.size(), waves_of_.size()) << "held although not all were in force";
    for (const auto& [impact, begin] : begun_) {
      const Wave& wave = waves_[waves_of_[impact]];
      if (wave.at > Nanos(0)) {
        EXPECT_LE(begin - origin_, wave.at + wave.attack.length / 5) << wave.name << " was late";
        EXPECT_GE(begin - origin_, wave.at) << wave.name << " was early";
      }
    }
    EXPECT_FALSE(halted_) << "held although it was halted";
  }
  std::string outcome() const { return verdict_ ? to_text(verdict_->outcome) : "crashed"; }

 private:
  struct Work {
    BootTime time;
    int64_t order;
    std::function<void()> work;
    bool operator<(const Work& other) const { return std::tie(time, order) > std::tie(other.time, other.order); }
  };

  bool chance(double share) { return random_.uniform() < share; }
  BootTime moment() { return BootTime(Nanos(random_.below(25'000)) * 1'000'000); }

  void draw_troubles() {
    if (chance(0.25)) lose_ = random_.uniform() * 0.3;
    if (chance(0.25)) repeat_ = random_.uniform() * 0.5;
    if (chance(0.2)) slow_revert_ = Nanos(random_.below(1500)) * 1'000'000;
    if (chance(0.2)) at(moment(), [this] { halt(); });
    if (chance(0.1)) at(moment(), [this] { guard_dies(); });
    if (chance(0.15)) at(moment(), [this] { engine_dies(); });
    if (chance(0.1)) at(moment(), [this] { a_fault_breaks(); });
    if (chance(0.1)) stalls_ = moment();
    if (chance(0.1)) refused_.insert(static_cast<int>(random_.below(waves_of_.size())));
    if (chance(0.1)) unproven_.insert(static_cast<int>(random_.below(waves_of_.size())));
    if (chance(0.15)) breach_ = moment();
  }

  void add(std::vector<Wave>& waves, size_t part, Nanos at, Nanos length, size_t victims) {
    Wave wave;
    wave.part = part;
    wave.name = fmt::format("part {}", part);
    wave.at = at;
    wave.attack.length = length;
    wave.victims = victims;
    waves.push_back(std::move(wave));
  }

  engine::Setup make_setup() {
    engine::Setup setup;
    setup.experiment.baseline = 1s;
    setup.experiment.recovery = 3s;
    setup.experiment.attack.length = Nanos(0);
    for (size_t part = 0, parts = 1 + random_.below(3); part < parts; ++part) {
      Nanos start = part == 0 ? Nanos(0) : seconds(static_cast<int64_t>(random_.below(6)));
      Nanos on = seconds(1 + static_cast<int64_t>(random_.below(4)));
      Nanos off = seconds(static_cast<int64_t>(random_.below(3)));  // none: the steps of a ramp
      size_t victims = 1 + random_.below(2);
      for (uint64_t i = 0, n = 1 + random_.below(4); i < n; ++i)
        add(waves_, part, start + (on + off) * static_cast<int64_t>(i), on, victims);
    }
    std::stable_sort(waves_.begin(), waves_.end(), [](const Wave& a, const Wave& b) { return a.at < b.at; });
    for (size_t w = 0; w < waves_.size(); ++w)
      for (size_t v = 0; v < waves_[w].victims; ++v) {
        setup.victims.emplace_back();
        setup.victims.back().name = fmt::format("v{}", v);
        claims_of_.push_back(fmt::format("v{}/{}", v, waves_[w].part));
        waves_of_.push_back(w);
        setup.experiment.attack.length = std::max(setup.experiment.attack.length, waves_[w].end());
      }
    setup.waves = waves_;
    setup.parts.resize(3);
    Expectation expectation;
    expectation.name = expectation.query = "errors";
    expectation.condition = "result < 0.01";
    expectation.for_ = Nanos(0);
    expectation.halt = chance(0.7);
    setup.judges.push_back(*judge::Judge::create(expectation));
    setup.experiment.expect.push_back(expectation);
    return setup;
  }

  void at(BootTime time, std::function<void()> work) { queue_.push({time, order_++, std::move(work)}); }
  BootTime next() const {
    BootTime next = queue_.empty() ? BootTime::max() : queue_.top().time;
    if (auto due = leases_.next(); due && guard_alive_) next = std::min(next, *due);
    return std::max(next, now_);
  }
  void send(std::function<void()> work) {
    int copies = chance(lose_) ? 0 : chance(repeat_) ? 2 : 1;
    for (int i = 0; i < copies; ++i) at(now_ + Nanos(random_.below(kMostDelay.count())), work);
  }
  void to_engine(engine::Event event) {
    send([this, event = std::move(event)] { feed(event); });
  }
  bool stalled() const { return stalls_ && now_ >= *stalls_ && now_ < *stalls_ + 8s; }
  void feed(const engine::Event& event) {
    if (!engine_alive_ || machine_.finished()) return;
    if (stalled()) return at(*stalls_ + 8s, [this, event] { feed(event); });
    bool during = machine_.phase() == Phase::kDuring;
    carry_out(machine_.handle(now_, event));
    if (!during && machine_.phase() == Phase::kDuring) origin_ = now_;
  }
  void tick() {
    if (!engine_alive_ || machine_.finished()) return;
    feed(engine::Tick{});
    BootTime next = now_ + kTick;
    if (auto start = machine_.next_start(); start && *start > now_) next = std::min(next, *start);
    at(next, [this] { tick(); });
  }

  void carry_out(const engine::Actions& actions) {
    for (const auto& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
  }
  void perform(const auto&) {}
  void perform(const engine::Observe& look) {
    BootTime taken = now_;
    bool breached = breach_ && now_ >= *breach_;
    Observation seen{Observation::Outcome::kValues, true, {{"", breached ? 0.5 : 0.001}}, "", 1ms};
    seen.taken = DataTimes{taken, taken, taken, taken};
    at(now_ + 1ms, [this, look, seen] { feed(engine::Observed{look.expectation, seen}); });
  }
  void perform(const engine::Inject& inject) {
    Nanos length = machine_.attack(inject.impact).total();
    send([this, impact = inject.impact, length] { apply(impact, length); });
  }
  void perform(const engine::Renew&) {
    send([this] {
      if (guard_alive_) leases_.renew(now_), renewed_ = now_;
    });
  }
  void perform(const engine::RevertAll&) {
    send([this] {
      if (!guard_alive_) return;
      reverting_ = true;
      end_all();
      to_engine(engine::NothingInForce{});
    });
  }
  void perform(const engine::Finish& finish) {
    verdict_ = finish.verdict;
    at(now_, [this] { end_all(), guard_alive_ = false; });
  }

  void apply(int impact, Nanos length) {
    if (!guard_alive_ || guard_done_ || reverting_) return;
    if (answers_.count(impact)) return to_engine(answers_.at(impact));
    bool held = std::any_of(in_force_.begin(), in_force_.end(),
                            [&](auto& item) { return claims_of_[item.first] == claims_of_[impact]; });
    EXPECT_FALSE(held) << "a second impact was asked for on " << claims_of_[impact];
    EXPECT_GT(length, Nanos(0));
    if (refused_.count(impact) || held) {
      answers_.emplace(impact, engine::ApplyFailed{impact, Error{Errc::kRefused, "by a rule", 0, "", nullptr}});
    } else {
      if (in_force_.empty()) renewed_ = now_;
      in_force_[impact] = now_ + length;
      begun_[impact] = now_;
      leases_.applied(impact, now_, length);
      answers_.emplace(impact, engine::Applied{impact, {}, now_});
    }
    to_engine(answers_.at(impact));
  }
  void end(int impact, bool broken = false) {
    if (!in_force_.erase(impact)) return;
    leases_.ended(impact);
    Proof proof{!unproven_.count(impact), "", "no", 0, 0, ""};
    engine::Reverted event{impact, true, broken, "why", "", begun_[impact], now_, 1ms, proof};
    // Whoever takes long to revert says so late; what it holds is free by then.
    at(now_ + slow_revert_, [this, event] { to_engine(event); });
  }
  void end_all() {
    if (!guard_alive_) return;
    while (!in_force_.empty()) end(in_force_.rbegin()->first);
  }
  void end_what_is_due() {
    if (!guard_alive_) return;
    for (const auto& due : leases_.due(now_)) {
      if (due.why == guard::LeaseTable::Why::kLease) return guard_halts("lease");
      end(due.impact);
    }
  }
  void guard_halts(const std::string& by) {
    if (!guard_alive_ || guard_done_) return;
    guard_done_ = true;
    halted_ |= !in_force_.empty();
    to_engine(engine::HaltAsked{by, "why"});
    end_all();
  }
  void halt() {
    if (!machine_.finished()) guard_halts("person");
  }
  void guard_dies() {
    if (!guard_alive_) return;
    guard_alive_ = false;
    for (auto& [impact, until] : in_force_) leases_.ended(impact);
    in_force_.clear();
    at(now_ + 10ms, [this] { feed(engine::GuardLost{}); });
  }
  void engine_dies() {
    engine_alive_ = false;
    if (chance(0.5)) at(now_ + 1ms, [this] { end_all(), guard_done_ = true; });  // else the lease ends it
  }
  void a_fault_breaks() {
    if (guard_alive_ && !in_force_.empty()) end(in_force_.begin()->first, true);
  }

  void check_in_force() {
    for (const auto& [impact, until] : in_force_) {
      const Wave& wave = waves_[waves_of_[impact]];
      ASSERT_LE(now_, until) << "an impact outlived its length";
      ASSERT_LE(now_, renewed_ + kLease) << "an impact outlived its lease";
      ASSERT_FALSE(guard_done_ || reverting_) << "an impact is in force after the end";
      bool late = wave.at > Nanos(0) && now_ > origin_ + wave.end() + 2 * kMostDelay;
      ASSERT_FALSE(late) << wave.name << " is late, and long";
    }
  }

  Random random_;
  std::vector<Wave> waves_;
  std::vector<size_t> waves_of_;        // of each impact
  std::vector<std::string> claims_of_;  // likewise
  Machine machine_;
  guard::LeaseTable leases_{kLease};
  std::priority_queue<Work> queue_;
  int64_t order_ = 0;
  BootTime now_{}, origin_{}, renewed_{};
  double lose_ = 0, repeat_ = 0;
  Nanos slow_revert_{0};
  std::optional<BootTime> stalls_, breach_;
  std::set<int> refused_, unproven_;
  std::map<int, BootTime> in_force_, begun_;
  std::map<int, engine::Event> answers_;
  bool engine_alive_ = true, guard_alive_ = true, guard_done_ = false, reverting_ = false, halted_ = false;
  std::optional<Verdict> verdict_;
};

TEST(CombinedRuns, NothingOutlivesItsTimeAndHeldMeansThatEachWasInForce) {
  const char* only = std::getenv("ORDEAL_SEED");
  std::map<std::string, int> outcomes;
  for (uint64_t seed = only ? std::strtoull(only, nullptr, 10) : 1, last = only ? seed : 4000; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("ORDEAL_SEED={}", seed));
    CombinedRun run(seed);
    run.run();
    run.check_at_the_end();
    ++outcomes[run.outcome()];
    if (HasFailure()) return;
  }
  if (only) return;
  for (const char* outcome : {"held", "deviated", "not injected", "halted", "refused", "error", "crashed"})
    EXPECT_GT(outcomes[outcome], 20) << outcome << " hardly ever happened";
}

}  // namespace
}  // namespace ordeal
