// acquire, report and transition in random schedules. First step by step against a model that knows no shards, no words
// and no lock, then on real threads, where only what must always hold can be asked.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <tuple>

#include "breaker_fixture.h"

namespace ordeal::resilience {
namespace {

using namespace std::chrono_literals;

using O = CircuitBreakerOptions;
using Cause = Event::Cause;
using Told = std::tuple<State, State, Cause>;

class Rng {
 public:
  explicit Rng(uint64_t seed) : random_(seed) {}
  int up_to(int most) { return static_cast<int>(random_() % static_cast<uint64_t>(most + 1)); }
  int from(int least, int most) { return least + up_to(most - least); }
  bool one_in(int chances) { return up_to(chances - 1) == 0; }

 private:
  std::mt19937_64 random_;
};

O random_options(Rng& rng) {
  O options;
  options.kind = rng.one_in(3) ? O::Window::kCalls : O::Window::kTime;
  options.window = 10ms;
  options.buckets = static_cast<uint32_t>(rng.from(1, 5));
  options.last_calls = static_cast<uint32_t>(rng.from(4, 8));
  options.failure_percent = rng.from(20, 100);
  options.minimum_calls = static_cast<uint64_t>(rng.from(0, 4));
  options.failures_in_a_row = static_cast<uint64_t>(rng.from(0, 3));
  options.open_for = std::chrono::milliseconds(rng.from(1, 4));
  options.open_growth = rng.from(1, 2);
  options.open_longest = 8ms;
  options.open_jitter = 0;
  options.half_open_rule = rng.one_in(3) ? O::HalfOpenRule::kRate : O::HalfOpenRule::kFirstFailure;
  options.probes = static_cast<uint32_t>(rng.from(1, 3));
  options.successes = static_cast<uint32_t>(rng.from(0, 4));
  options.probe_wait = std::chrono::milliseconds(rng.from(2, 6));
  options.after_probe_wait = rng.one_in(3) ? State::kClosed : State::kOpen;
  return options;
}

// ---- The model ----

class Model {
 public:
  explicit Model(const O& options) : o_(options) {}

  State state = State::kClosed;
  uint64_t generation = 0, row = 0, succeeded = 0, failed = 0, ignored = 0, late = 0;
  std::vector<Told> told;

  bool admit(TimePoint now) {
    settle(now);
    if (state == State::kClosed) return true;
    if (state != State::kHalfOpen || places() == 0) return false;
    if (out_++ == 0) until_ = now + o_.probe_wait;
    return true;
  }
  void report(uint64_t of, Outcome outcome, TimePoint now) {
    if (of != generation) {
      ++late;
    } else if (state == State::kHalfOpen) {
      report_probe(outcome, now);
    } else if (outcome == Outcome::kIgnored) {
      ++ignored;
    } else {
      count(outcome, now);
      if (outcome == Outcome::kFailure || short_of_minimum_) judge(now);
    }
  }
  void settle(TimePoint now) {
    if (now < until_) return;
    if (state == State::kOpen)
      enter(State::kHalfOpen, Cause::kOpenElapsed);
    else if (state == State::kHalfOpen)
      give_up(now);
  }
  WindowCounts window(TimePoint now) const {
    WindowCounts sum;
    for (const Entry& each : calls_) {
      bool live = o_.kind == O::Window::kCalls || each.bucket > bucket(now) - o_.buckets;
      if (live) (each.failed ? sum.failed : sum.succeeded) += 1;
    }
    return sum;
  }

 private:
  struct Entry {
    int64_t bucket;
    bool failed;
  };
  int64_t bucket(TimePoint now) const { return now.time_since_epoch() / (o_.window / o_.buckets); }
  uint32_t needed() const { return o_.successes > 0 ? o_.successes : o_.probes; }
  uint32_t places() const {
    if (o_.half_open_rule == O::HalfOpenRule::kRate) return o_.probes - out_ - good_ - bad_;
    return std::min(o_.probes, needed() - good_) - out_;
  }
  void enter(State to, Cause cause) {
    told.emplace_back(state, to, cause);
    state = to;
    ++generation;
    calls_.clear();
    row = out_ = good_ = bad_ = 0;
    short_of_minimum_ = false;
    until_ = TimePoint::max();
    if (to == State::kClosed) openings_ = 0;
  }
  void open(Cause cause, TimePoint now) {
    Duration period = o_.open_for;
    for (int i = 0; i < openings_ && o_.open_growth > 1; ++i) period = std::min(period * 2, o_.open_longest);
    ++openings_;
    enter(State::kOpen, cause);
    until_ = now + period;
  }
  void give_up(TimePoint now) {
    if (o_.after_probe_wait == State::kOpen) return open(Cause::kProbesUnreported, now);
    enter(State::kClosed, Cause::kProbesUnreported);
  }
  void count(Outcome outcome, TimePoint now) {
    bool bad = outcome == Outcome::kFailure;
    ++(bad ? failed : succeeded);
    row = bad ? row + 1 : 0;
    calls_.push_back({bucket(now), bad});
    if (o_.kind == O::Window::kCalls && calls_.size() > o_.last_calls) calls_.pop_front();
  }
  void report_probe(Outcome outcome, TimePoint now) {
    until_ = --out_ == 0 ? TimePoint::max() : now + o_.probe_wait;
    if (outcome == Outcome::kIgnored) return void(++ignored);
    count(outcome, now);
    ++(outcome == Outcome::kFailure ? bad_ : good_);
    bool by_rate = o_.half_open_rule == O::HalfOpenRule::kRate;
    if (by_rate && good_ + bad_ < o_.probes) return;
    bool fails = by_rate ? bad_ > 0 && bad_ * 100.0 >= o_.failure_percent * (good_ + bad_) : bad_ > 0;
    if (fails) return open(Cause::kProbeFailed, now);
    if (by_rate || good_ == needed()) enter(State::kClosed, Cause::kProbesSucceeded);
  }
  void judge(TimePoint now) {
    WindowCounts sum = window(now);
    double failures = static_cast<double>(sum.failed), calls = static_cast<double>(sum.calls());
    bool too_many = failures > 0 && failures * 100 >= o_.failure_percent * calls;
    short_of_minimum_ = too_many && sum.calls() < o_.minimum_calls;
    if (o_.failures_in_a_row > 0 && row >= o_.failures_in_a_row) return open(Cause::kFailuresInARow, now);
    if (too_many && !short_of_minimum_) open(Cause::kFailureRate, now);
  }

  const O o_;
  std::deque<Entry> calls_;
  uint32_t out_ = 0, good_ = 0, bad_ = 0;
  int openings_ = 0;
  bool short_of_minimum_ = false;
  TimePoint until_ = TimePoint::max();
};

class Interleaving : public BreakerTest {
 protected:
  struct Held {
    Breaker::Permit permit;
    uint64_t generation;
  };
  // One step of one of three callers; each holds what it was given until a later step of it.
  void step(Rng& rng, Model& model, std::vector<Held> (&held)[3]) {
    auto& mine = held[rng.up_to(2)];
    TimePoint now = clock_.now();
    switch (rng.up_to(5)) {
      case 0:
        return clock_.advance(std::chrono::microseconds(rng.up_to(2500)));
      case 1:
        return model.settle(now), breaker_->poll();
      case 2:
      case 3: {
        bool admits = model.admit(now);
        auto permit = breaker_->try_acquire();
        ASSERT_EQ(static_cast<bool>(permit), admits);
        if (admits) mine.push_back({std::move(permit), model.generation});
        return;
      }
      default:
        return report_one(rng, model, mine);
    }
  }
  void report_one(Rng& rng, Model& model, std::vector<Held>& mine) {
    if (mine.empty()) return;
    std::swap(mine[static_cast<size_t>(rng.up_to(static_cast<int>(mine.size()) - 1))], mine.back());
    constexpr Outcome kOutcomes[] = {Outcome::kSuccess, Outcome::kFailure, Outcome::kSuccess, Outcome::kIgnored};
    Outcome outcome = kOutcomes[rng.up_to(3)];
    model.report(mine.back().generation, outcome, clock_.now());
    bool dropped = outcome == Outcome::kIgnored && rng.one_in(2);
    if (!dropped) mine.back().permit.record(outcome);
    mine.pop_back();
  }
  void compare(const Model& model) {
    BreakerSnapshot now = snapshot();
    WindowCounts expected = model.window(clock_.now());
    ASSERT_EQ(now.state, model.state);
    ASSERT_EQ(now.generation, model.generation);
    ASSERT_EQ(std::tuple(now.window.succeeded, now.window.failed), std::tuple(expected.succeeded, expected.failed));
    ASSERT_EQ(now.failures_in_a_row, model.row);
    ASSERT_EQ(std::tuple(now.succeeded, now.failed, now.ignored + now.abandoned, now.late),
              std::tuple(model.succeeded, model.failed, model.ignored, model.late));
  }
  void compare_events(const Model& model) {
    std::vector<Told> told;
    for (const Event& event : events_) told.emplace_back(event.from, event.to, event.cause);
    ASSERT_EQ(told, model.told);
  }
};

TEST_F(Interleaving, EveryStepOfThreeCallersIsAsTheModelSays) {
  size_t transitions_seen = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    events_.clear();
    O options = random_options(rng);
    make(options);
    Model model(options);
    std::vector<Held> held[3];
    for (int i = 0; i < 120; ++i) {
      step(rng, model, held);
      compare(model);
      if (HasFatalFailure()) return;
    }
    compare_events(model);
    if (HasFatalFailure()) return;
    transitions_seen += events_.size();
  }
  EXPECT_GT(transitions_seen, 10'000u);
}

// ---- Real threads ----

// One round of three threads on a new breaker. The core is used as a permit uses it, because it tells the generation.
class Round {
 public:
  static constexpr int kThreads = 3, kSteps = 12;

  explicit Round(uint64_t seed) : seed_(seed) {
    Rng rng(seed);
    O options = random_options(rng);
    options.on_event = [this](const Event& event) {
      std::lock_guard lock(mutex_);
      if (event.kind == Event::Kind::kTransition) events_.push_back(event);
    };
    options_ = options;
    core_ = std::make_unique<BreakerCore>(options, clock_.now());
  }

  void play(int thread) {
    Rng rng(seed_ * kThreads + static_cast<uint64_t>(thread));
    std::vector<uint64_t> held;
    for (int i = 0; i < kSteps; ++i) {
      for (int spins = rng.up_to(60); spins > 0; --spins) std::atomic_signal_fence(std::memory_order_seq_cst);
      if (rng.one_in(8)) std::this_thread::yield();
      step(rng, held);
    }
    for (; !held.empty(); held.pop_back()) end_of(held.back(), rng);
  }

  void check() {
    std::sort(events_.begin(), events_.end(), [](const Event& a, const Event& b) { return a.number < b.number; });
    check_events();
    check_totals();
    check_probes();
    check_recovery();
  }
  size_t transitions() const { return events_.size(); }

 private:
  void step(Rng& rng, std::vector<uint64_t>& held) {
    int choice = rng.up_to(19);
    if (choice < 9) {
      acquire(held);
    } else if (choice < 15 && !held.empty()) {
      end_of(held.back(), rng);
      held.pop_back();
    } else if (choice < 17) {
      clock_.advance(std::chrono::microseconds(rng.up_to(3000)));
    } else if (choice == 17) {
      core_->poll(clock_.now());
    } else if (choice == 18 && rng.one_in(4)) {
      move_by_hand(rng);
    } else if (choice == 19 && rng.one_in(4)) {
      options_changed(rng);
    }
  }
  void acquire(std::vector<uint64_t>& held) {
    Admission admission = core_->admit(clock_.now());
    if (!admission.admitted) return void(++refused_);
    held.push_back(admission.generation);
    Probes& probes = probes_[admission.generation % kKept];
    int now = ++probes.out, most = probes.most;
    while (now > most && !probes.most.compare_exchange_weak(most, now)) {
    }
  }
  void end_of(uint64_t generation, Rng& rng) {
    constexpr Outcome kOutcomes[] = {Outcome::kSuccess, Outcome::kFailure, Outcome::kSuccess, Outcome::kTimeout,
                                     Outcome::kIgnored};
    --probes_[generation % kKept].out;
    ++reports_;
    TimePoint now = clock_.now();
    if (rng.one_in(8)) return core_->abandon(generation, now, now);
    Outcome outcome = kOutcomes[rng.up_to(4)];
    auto reported = [&] { return now; };
    if (outcome == Outcome::kSuccess && core_->record_success_fast(generation, now, now, reported)) return;
    core_->record(generation, outcome, now, now, now);
  }
  void move_by_hand(Rng& rng) {
    constexpr State kTargets[] = {State::kClosed, State::kHalfOpen, State::kOpen, State::kForcedOpen,
                                  State::kMetricsOnly};
    if (rng.one_in(3)) return core_->reset(clock_.now());
    core_->move(kTargets[rng.up_to(4)], clock_.now(), std::nullopt);
  }
  void options_changed(Rng& rng) {
    O changed = random_options(rng);
    changed.probes = options_.probes;  // the bound that check_probes() knows
    EXPECT_EQ(core_->change(changed, clock_.now()), "");
  }

  void check_events() const {
    State state = State::kClosed;
    uint64_t number = 0;
    for (const Event& event : events_) {
      EXPECT_EQ(event.number, ++number);
      EXPECT_EQ(event.from, state);
      EXPECT_NE(event.to, event.from);
      EXPECT_TRUE(event.to != State::kHalfOpen || state == State::kOpen || state == State::kForcedOpen);
      bool by_itself = event.cause != Event::Cause::kByHand;
      EXPECT_TRUE(!by_itself || event.to == State::kHalfOpen || state == State::kClosed || state == State::kHalfOpen);
      state = event.to;
    }
    BreakerSnapshot now = core_->snapshot(clock_.now());
    EXPECT_EQ(now.state, state);
    EXPECT_GE(now.generation, number);  // a reset begins one without a transition
    uint64_t counted = 0;
    for (const TransitionCount& each : now.transitions) counted += each.count;
    EXPECT_EQ(counted, number);
  }
  void check_totals() const {
    BreakerSnapshot now = core_->snapshot(clock_.now());
    EXPECT_EQ(now.succeeded + now.failed + now.ignored + now.abandoned + now.late, reports_);
    EXPECT_EQ(now.refused + now.refused_half_open, refused_);
    EXPECT_LE(now.window.calls(), now.succeeded + now.failed);
    EXPECT_LE(now.timed_out, now.failed);
  }
  void check_probes() const {
    ASSERT_LT(events_.size(), kKept);
    for (const Event& event : events_) {
      if (event.to != State::kHalfOpen) continue;
      EXPECT_LE(probes_[event.generation % kKept].most, static_cast<int>(options_.probes));
    }
    for (const Probes& each : probes_) EXPECT_EQ(each.out, 0);
  }
  // No permit is out: whatever happened, it opens its doors again.
  void check_recovery() {
    if (BreakerCore::state_of(core_->word()) == State::kForcedOpen) core_->move(State::kHalfOpen, clock_.now(), {});
    clock_.advance(1s);
    core_->poll(clock_.now());
    for (int i = 0; i < 10 && BreakerCore::state_of(core_->word()) == State::kHalfOpen; ++i) {
      Admission admission = core_->admit(clock_.now());
      EXPECT_TRUE(admission.admitted);
      TimePoint now = clock_.now();
      core_->record(admission.generation, Outcome::kSuccess, now, now, now);
    }
    // By rate, a failure from before may still open it once.
    if (BreakerCore::state_of(core_->word()) == State::kOpen) return;
    EXPECT_TRUE(core_->admit(clock_.now()).admitted);
  }

  static constexpr size_t kKept = 64;  // generations; a round has fewer transitions
  struct Probes {
    std::atomic<int> out = 0, most = 0;
  };
  const uint64_t seed_;
  ManualClock clock_;
  O options_;
  std::mutex mutex_;
  std::vector<Event> events_;
  Probes probes_[kKept];
  std::atomic<uint64_t> reports_ = 0, refused_ = 0;
  std::unique_ptr<BreakerCore> core_;
};

TEST(InterleavingOfThreads, WhatMustAlwaysHoldHolds) {
  constexpr uint64_t kRounds = 6000;
  std::unique_ptr<Round> round;
  uint64_t seed = 0;
  size_t transitions = 0;
  std::barrier meet(Round::kThreads);
  run_together(Round::kThreads, [&](int thread) {
    for (uint64_t i = 1; i <= kRounds; ++i) {
      if (thread == 0) round = std::make_unique<Round>(seed = i);
      meet.arrive_and_wait();
      round->play(thread);
      meet.arrive_and_wait();
      if (thread != 0) continue;
      SCOPED_TRACE("seed " + std::to_string(seed));
      round->check();
      transitions += round->transitions();
    }
  });
  EXPECT_GT(transitions, kRounds);
}

}  // namespace
}  // namespace ordeal::resilience
