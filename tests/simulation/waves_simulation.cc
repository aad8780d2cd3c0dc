// Thousands of seeded runs of several attacks, pulses and steps with the real engine and the guard's own lease table,
// in a world that loses and repeats messages, answers late, halts and crashes at any moment. Whatever happens: nothing
// is in force after its length, after a halt or without a lease, never two impacts on one resource, nobody is killed
// before all kills are checked or once another attack has fallen short, and held means that each was in force at its
// time, proven, and seen until its end. A failure prints its seed: ORDEAL_SEED=n runs that one.
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
constexpr Nanos kMostDelay = 50ms;   // of a message
constexpr Nanos kAnswerAtMost = 3s;  // a watching that is silent for longer proves nothing

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
    EXPECT_FALSE(killed_ && verdict_->outcome == Outcome::kNotInjected) << "somebody was killed";
    if (verdict_->outcome != Outcome::kHeld) return;
    EXPECT_FALSE(harmful_) << "held although it did not in an attack";
    for (size_t w = 0; w < waves_.size(); ++w) {
      EXPECT_GE(of_wave(w, [&](int i) { return begun_.count(i) && !unproven_.count(i); }), needed(w))
          << "held without proof of each";
      EXPECT_LE(lost(w), allowed_to_lack(w)) << "held although too few were hit";
    }
    for (size_t part = 0; part < parts_.size(); ++part) check_seen(part);
    for (const auto& [impact, begin] : begun_) {
      const Wave& wave = waves_[waves_of_[impact]];
      if (wave.at > Nanos(0) && !wave.one_way) {
        EXPECT_LE(begin - origin_, wave.at + wave.attack.length / 5) << wave.name << " was late";
        EXPECT_GE(begin - origin_, wave.at) << wave.name << " was early";
      }
    }
    EXPECT_FALSE(halted_) << "held although it was halted";
  }
  bool killed() const { return killed_; }
  bool lost_any() const { return !gone_.empty(); }
  bool harmful() const { return harmful_.has_value(); }
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
    if (chance(0.1)) unfit_.insert(static_cast<int>(random_.below(waves_of_.size())));
    if (chance(0.2)) slow_check_ = Nanos(random_.below(1500)) * 1'000'000;
    for (int i = 0; i < 2 && chance(0.15); ++i) at(moment(), [this] { a_victim_goes(); });
    if (chance(0.3)) window_ = Nanos(random_.below(4000)) * 1'000'000;
    if (chance(0.3)) silent_ = moment(), silent_for_ = Nanos(random_.below(8000)) * 1'000'000;
    if (chance(0.2)) harmful_ = random_.below(parts_.size());
    if (chance(0.5)) refusal_ = Errc::kUnsupported;
  }

  void add(std::vector<Wave>& waves, size_t part, Nanos at, Nanos length, size_t victims, bool one_way) {
    Wave wave;
    wave.part = part;
    wave.name = fmt::format("part {}", part);
    wave.at = at;
    wave.attack.length = length;
    wave.victims = victims;
    wave.one_way = one_way;
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
      size_t victims = 1 + random_.below(3);
      bool one_way = chance(0.25);
      uint64_t waves = one_way ? 1 : 1 + random_.below(4);
      for (uint64_t i = 0; i < waves; ++i)
        add(waves_, part, start + (on + off) * static_cast<int64_t>(i), on, victims, one_way);
      parts_.emplace_back();
      if (off == Nanos(0) && waves > 1) parts_.back().ramp = Ramp{"percent", 2, json::Object{{"to", 5}}, {}};
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
    setup.parts.resize(parts_.size());
    setup.experiment.parts = parts_;
    if (chance(0.4)) setup.experiment.min_injected = min_injected_ = 50;
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
    if (auto* gone = std::get_if<engine::VictimGone>(&event)) lacking_.insert(gone->impact);
    if (auto* failed = std::get_if<engine::ApplyFailed>(&event)) lacking_.insert(failed->impact);
    if (auto* ended = std::get_if<engine::Reverted>(&event); ended && ended->broken) lacking_.insert(ended->impact);
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
    if (silent_ && taken >= *silent_ && taken < *silent_ + silent_for_) return;
    bool breached = (breach_ && now_ >= *breach_) || harm_seen(taken - window_);
    Observation seen{Observation::Outcome::kValues, true, {{"", breached ? 0.5 : 0.001}}, "", 1ms};
    seen.taken = DataTimes{taken - window_ / 2, taken, taken, taken - window_};
    if (!breached) looks_.push_back(*seen.taken);
    at(now_ + 1ms, [this, look, seen] { feed(engine::Observed{look.expectation, seen}); });
  }
  void perform(const engine::Check& check) {
    if (chance(lose_)) return;
    at(now_ + Nanos(random_.below(kMostDelay.count())) + slow_check_, [this, impact = check.impact] {
      if (guard_alive_ && !guard_done_ && !reverting_) feed_check(impact);
    });
  }
  // As the engine hears it.
  void feed_check(int impact) {
    if (stalled()) return at(*stalls_ + 8s, [this, impact] { feed_check(impact); });
    checked_.insert(impact);
    if (!unfit_.count(impact)) return lacking_.erase(impact), feed(engine::Checked{impact});
    lacking_.insert(impact);
    feed(engine::CheckFailed{impact, Error{refusal_, "by a rule", 0, "", nullptr}});
  }
  void check_kill(int impact) {
    for (size_t w = 0; w < waves_.size(); ++w) {
      int checked = of_wave(w, [&](int i) { return checked_.count(i); });
      EXPECT_TRUE(killing_ || !waves_[w].one_way || checked == static_cast<int>(waves_[w].victims))
          << "a kill before all kills were checked";
      if (w == waves_of_[impact]) continue;
      EXPECT_LE(of_wave(w, [&](int i) { return lacking_.count(i); }), allowed_to_lack(w))
          << "a kill when " << waves_[w].name << " had fallen short";
    }
    killing_ = true;
  }
  void perform(const engine::Inject& inject) {
    if (waves_[waves_of_[inject.impact]].one_way) check_kill(inject.impact);
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
      answers_.emplace(impact, engine::ApplyFailed{impact, Error{refusal_, "by a rule", 0, "", nullptr}});
    } else {
      if (in_force_.empty()) renewed_ = now_;
      in_force_[impact] = now_ + length;
      begun_[impact] = now_;
      killed_ |= waves_[waves_of_[impact]].one_way;
      leases_.applied(impact, now_, length);
      answers_.emplace(impact, engine::Applied{impact, {}, now_});
    }
    to_engine(answers_.at(impact));
  }
  void end(int impact, bool broken = false) {
    if (!in_force_.erase(impact)) return;
    leases_.ended(impact);
    ended_[impact] = now_;
    Proof proof{!unproven_.count(impact), "", "no", 0, 0, ""};
    if (waves_[waves_of_[impact]].one_way) proof.lasting = "it was killed", proof.may_return = true;
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

  void a_victim_goes() {
    for (const auto& [impact, until] : in_force_) {
      if (!guard_alive_ || waves_[waves_of_[impact]].one_way || chance(0.5)) continue;
      gone_.insert(impact);
      at(now_, [this, impact = impact] { feed(engine::VictimGone{impact, "it exited"}); });
      return end(impact);
    }
  }

  int of_wave(size_t wave, const auto& what) const {
    int count = 0;
    for (size_t i = 0; i < waves_of_.size(); ++i) count += waves_of_[i] == wave && what(static_cast<int>(i));
    return count;
  }
  int needed(size_t wave) const {
    return std::max(1, static_cast<int>(std::ceil(static_cast<double>(waves_[wave].victims) * min_injected_ / 100)));
  }
  int allowed_to_lack(size_t wave) const { return static_cast<int>(waves_[wave].victims) - needed(wave); }
  int lost(size_t wave) const {
    return of_wave(wave, [&](int i) { return gone_.count(i); });
  }
  size_t last_of(size_t part) const {
    size_t last = 0;
    for (size_t w = 0; w < waves_.size(); ++w) last = waves_[w].part == part ? w : last;
    return last;
  }
  // When all of it that came into force was, and until when.
  std::pair<BootTime, BootTime> span(size_t wave) const {
    std::pair<BootTime, BootTime> span{BootTime::max(), BootTime{}};
    for (const auto& [impact, begin] : begun_) {
      if (waves_of_[impact] != wave) continue;
      span.first = std::min(span.first, begin);
      auto end = ended_.find(impact);
      span.second = std::max(span.second, end == ended_.end() ? BootTime::max() : end->second);
    }
    return span;
  }
  // When too few are hit for it to be the attack that was asked for.
  BootTime end_of(size_t part) const {
    std::vector<BootTime> ends;
    for (const auto& [impact, end] : ended_)
      if (waves_of_[impact] == last_of(part)) ends.push_back(end);
    std::sort(ends.begin(), ends.end());
    size_t spare = ends.size() - static_cast<size_t>(needed(last_of(part)));
    return spare < ends.size() ? ends[spare] : BootTime{};
  }
  // An attack that does harm, a ramp with its last value, is seen by whatever looks at that time.
  bool harm_seen(BootTime since) const {
    if (!harmful_) return false;
    for (size_t w = 0; w < waves_.size(); ++w) {
      if (waves_[w].part != *harmful_ || (parts_[*harmful_].ramp && w != last_of(*harmful_))) continue;
      auto [begin, end] = span(w);
      if (begin <= now_ && since <= end) return true;
    }
    return false;
  }
  // By a look of which nothing was taken when it was not in force, and by one shortly before its end.
  void check_seen(size_t part) const {
    bool seen = false, to_the_end = false, ramp = parts_[part].ramp.has_value();
    BootTime last_end = end_of(part), first = BootTime::max();
    for (size_t w = 0; w < waves_.size(); ++w) {
      if (waves_[w].part != part) continue;
      auto [begin, end] = span(w);
      first = std::min(first, begin);
      BootTime reach = ramp ? first : begin;
      for (const DataTimes& look : looks_)
        seen |= (!ramp || w == last_of(part)) && look.back_to >= reach && look.until >= begin && look.until <= end;
    }
    for (const DataTimes& look : looks_) to_the_end |= look.until <= last_end && look.until >= last_end - kAnswerAtMost;
    EXPECT_TRUE(seen) << "held, and nobody looked while part " << part << " was in force";
    EXPECT_TRUE(to_the_end) << "held, and nobody looked before the end of part " << part;
  }

  void check_in_force() {
    for (const auto& [impact, until] : in_force_) {
      const Wave& wave = waves_[waves_of_[impact]];
      ASSERT_LE(now_, until) << "an impact outlived its length";
      ASSERT_LE(now_, renewed_ + kLease) << "an impact outlived its lease";
      ASSERT_FALSE(guard_done_ || reverting_) << "an impact is in force after the end";
      bool late = wave.at > Nanos(0) && !wave.one_way && now_ > origin_ + wave.end() + 2 * kMostDelay;
      ASSERT_FALSE(late) << wave.name << " is late, and long";
    }
  }

  Random random_;
  std::vector<Wave> waves_;
  std::vector<Part> parts_;
  double min_injected_ = 100;
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
  std::set<int> refused_, unproven_, unfit_;
  std::set<int> gone_;
  std::set<int> checked_;           // and answered
  std::set<int> lacking_;           // as the engine has heard
  std::optional<BootTime> silent_;  // nobody looks from then on
  Nanos silent_for_{0}, window_{0}, slow_check_{0};
  std::optional<size_t> harmful_;  // the part under which the expectation does not hold
  std::vector<DataTimes> looks_;   // that held
  Errc refusal_ = Errc::kRefused;
  bool killing_ = false, killed_ = false;
  std::map<int, BootTime> in_force_, begun_, ended_;
  std::map<int, engine::Event> answers_;
  bool engine_alive_ = true, guard_alive_ = true, guard_done_ = false, reverting_ = false, halted_ = false;
  std::optional<Verdict> verdict_;
};

TEST(CombinedRuns, NothingOutlivesItsTimeAndHeldMeansThatEachWasInForce) {
  const char* only = std::getenv("ORDEAL_SEED");
  std::map<std::string, int> outcomes;
  int held_with_kills = 0, held_with_losses = 0, harmful = 0;
  for (uint64_t seed = only ? std::strtoull(only, nullptr, 10) : 1, last = only ? seed : 16'000; seed <= last; ++seed) {
    SCOPED_TRACE(fmt::format("ORDEAL_SEED={}", seed));
    CombinedRun run(seed);
    run.run();
    run.check_at_the_end();
    ++outcomes[run.outcome()];
    bool held = run.outcome() == "held";
    held_with_kills += held && run.killed(), held_with_losses += held && run.lost_any(), harmful += run.harmful();
    if (HasFailure()) return;
  }
  if (only) return;
  for (const char* outcome :
       {"held", "deviated", "not injected", "inconclusive", "halted", "refused", "error", "crashed"})
    EXPECT_GT(outcomes[outcome], 20) << outcome << " hardly ever happened";
  EXPECT_GT(std::min({held_with_kills, held_with_losses, harmful}), 20) << "what is new hardly ever happened";
}

}  // namespace
}  // namespace ordeal
