// Thousands of seeded runs of the real engine, ledger and policy in a simulated world that crashes, loses and repeats
// messages, answers late or never, and halts at any moment. A failure prints its seed: ORDEAL_SEED=n runs that one.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <queue>

#include "core/base/random.h"
#include "core/model/input/policy.h"
#include "fault/guard/lease_table.h"
#include "run/engine/machine.h"

namespace ordeal {
namespace {

using engine::Actions;
using engine::Machine;

constexpr Nanos kLease = 5s;
constexpr Nanos kTick = 200ms;

// What may go wrong in one schedule.
struct FaultSchedule {
  double lose = 0;       // share of messages between engine and guard that vanish
  double repeat = 0;     // share that come twice
  double dead_look = 0;  // share of looks that never answer
  Nanos slow_look{0};    // at most
  std::optional<BootTime> engine_dies, guard_dies, both_stop, halt, breach_from, breach_until, gone_at, breaks_at;
  bool proven = true;
  bool unclean = false;  // a fault cannot be removed
  double unfit = 0;      // share of checks and kills for which a victim is not what is looked for
  bool hung = false;     // the guard never says that anything is reverted
  bool leaves = false;   // when guard and reaper are gone together, the standby cannot undo everything
};

FaultSchedule draw_schedule(Random& random) {
  auto sometimes = [&](double chance) -> std::optional<BootTime> {
    BootTime at{Nanos(random.below(20'000)) * 1'000'000};
    return random.uniform() < chance ? std::optional(at) : std::nullopt;
  };
  FaultSchedule schedule;
  if (random.below(3) == 0) schedule.lose = random.uniform() * 0.5;
  if (random.below(3) == 0) schedule.repeat = random.uniform() * 0.5;
  if (random.below(4) == 0) schedule.dead_look = random.uniform();
  if (random.below(2) == 0) schedule.slow_look = Nanos(random.below(6'000)) * 1'000'000;
  schedule.engine_dies = sometimes(0.2);
  schedule.guard_dies = sometimes(0.1);
  schedule.both_stop = sometimes(0.1);
  schedule.leaves = random.below(4) == 0;
  schedule.halt = sometimes(0.2);
  schedule.breach_from = sometimes(0.4);
  if (schedule.breach_from && random.below(2))
    schedule.breach_until = *schedule.breach_from + Nanos(random.below(4'000)) * 1'000'000;
  schedule.gone_at = sometimes(0.15);
  schedule.breaks_at = sometimes(0.15);
  schedule.proven = random.below(8) != 0;
  schedule.unclean = random.below(12) == 0;
  schedule.hung = random.below(12) == 0;
  if (random.below(4) == 0) schedule.unfit = random.uniform() * 0.5;
  return schedule;
}

// The claims that impacts of all runs hold now.
using Claims = std::map<std::string, int>;

class SimulatedRun {
 public:
  SimulatedRun(uint64_t seed, int number, Claims& claims)
      : random_(seed), number_(number), claims_(claims), schedule_(draw_schedule(random_)), machine_(make_setup()) {
    policy_.origin = "policy";
    policy_.protected_labels = {{"keep", "yes"}};
    carry_out(machine_.start(now_));
    at(now_, [this] { tick(); });
    if (schedule_.engine_dies) at(*schedule_.engine_dies, [this] { engine_dies(); });
    if (schedule_.guard_dies) at(*schedule_.guard_dies, [this] { guard_dies(); });
    if (schedule_.both_stop) at(*schedule_.both_stop, [this] { guard_and_reaper_stop(); });
    if (schedule_.halt) at(*schedule_.halt, [this] { guard_halts("person", "enough"); });
    if (schedule_.gone_at) at(*schedule_.gone_at, [this] { a_victim_goes(); });
    if (schedule_.breaks_at) at(*schedule_.breaks_at, [this] { a_fault_breaks(); });
  }

  bool idle() const { return queue_.empty() && !leases_.next(); }
  BootTime next() const {
    BootTime next = queue_.empty() ? BootTime::max() : queue_.top().time;
    if (auto due = leases_.next(); due && guard_alive_) next = std::min(next, *due);
    return next;
  }
  void step() {
    now_ = next();
    end_what_is_due();
    if (queue_.empty() || queue_.top().time > now_) return;
    auto work = queue_.top().work;
    queue_.pop();
    work();
    check_in_force();
  }

  void check_at_the_end() const {
    EXPECT_TRUE(in_force_.empty()) << "an impact outlived its run";
    if (!engine_alive_) return;
    ASSERT_TRUE(verdict_) << "the run never ended";
    bool waits = acting_ && verdict_->outcome == Outcome::kDeviated;
    EXPECT_EQ(waits ? acted_at_the_end_ : actions_, actions_) << "it did not wait for the rollback";
    if (stopped_in_force_ && !finished_before_stop_) {
      ExitCode least = schedule_.leaves ? ExitCode::kRevertFailed : ExitCode::kInternal;
      EXPECT_EQ(stronger(exit_code_of(verdict_->outcome), least), exit_code_of(verdict_->outcome))
          << "guard and reaper were lost, and the verdict is " << to_text(verdict_->outcome);
    }
    EXPECT_FALSE(one_way_ && !hit_.empty() && verdict_->outcome == Outcome::kNotInjected)
        << "what was killed is called not injected: " << verdict_->reason;
    bool answered = schedule_.dead_look == 0 && schedule_.slow_look == Nanos(0);
    EXPECT_FALSE(verdict_->outcome == Outcome::kDeviated && answered && !breach_out_of_time_)
        << "a violation within its time was a breach: " << verdict_->reason;
    if (verdict_->outcome != Outcome::kHeld) return;
    EXPECT_TRUE(schedule_.proven) << "held without proof";
    EXPECT_GE(hit_.size() * (all_needed_ ? 1 : 2), victims_.size()) << "held although too few victims were hit";
    EXPECT_FALSE(broke_ && (all_needed_ || victims_.size() == 1)) << "held although a fault broke";
    EXPECT_TRUE(good_look_during_) << "held although nothing was seen while the fault was in force";
    EXPECT_TRUE(good_look_after_) << "held although nothing was seen afterwards";
    EXPECT_FALSE(breach_seen_during_) << "held although a breach was seen";
  }
  std::string outcome() const { return verdict_ ? to_text(verdict_->outcome) : "crashed"; }
  bool held_after_more_than_the_recovery() const { return outcome() == "held" && within_ > kRecovery; }

 private:
  struct Work {
    BootTime time;
    int64_t order;
    std::function<void()> work;
    bool operator<(const Work& other) const { return std::tie(time, order) > std::tie(other.time, other.order); }
  };
  struct InForce {
    BootTime applied;
    std::string claim;
  };

  engine::Setup make_setup() {
    engine::Setup setup;
    setup.experiment.name = "simulated";
    setup.experiment.attack.length = seconds(1 + static_cast<int64_t>(random_.below(8)));
    setup.experiment.baseline = 1s;
    setup.experiment.recovery = kRecovery;
    all_needed_ = random_.below(2);
    setup.one_way = one_way_ = random_.below(3) == 0;
    setup.experiment.min_injected = all_needed_ ? 100 : 50;
    for (uint64_t i = 0, n = 1 + random_.below(4); i < n; ++i) {
      Victim victim;
      victim.name = fmt::format("v{}", i);
      if (random_.below(12) == 0) victim.labels["keep"] = "yes";
      setup.victims.push_back(std::move(victim));
    }
    actions_ = random_.below(4);
    if (actions_ > 0) setup.experiment.rollback.emplace(actions_, RollbackAction{CommandAction{{"undo"}}});
    Expectation expectation;
    expectation.name = "errors";
    expectation.query = "errors";
    expectation.condition = "result < 0.01";
    expectation.no_data = static_cast<NoData>(random_.below(3));
    expectation.for_ = Nanos(0);  // one look that violates is a breach
    if (random_.below(2)) expectation.within = seconds(1 + static_cast<int64_t>(random_.below(6)));
    within_ = expectation.within.value_or(Nanos(0));
    setup.judges.push_back(*judge::Judge::create(expectation));
    victims_ = setup.victims;
    no_data_ = expectation.no_data;
    length_ = setup.experiment.attack.length;
    return setup;
  }

  void at(BootTime time, std::function<void()> work) { queue_.push({time, order_++, std::move(work)}); }

  // A message may be lost, late or doubled.
  void send(std::function<void()> work) {
    int copies = random_.uniform() < schedule_.lose ? 0 : random_.uniform() < schedule_.repeat ? 2 : 1;
    for (int i = 0; i < copies; ++i) at(now_ + Nanos(random_.below(50'000'000)), work);
  }
  void to_engine(engine::Event event) {
    send([this, event = std::move(event)] { feed(event); });
  }

  void feed(const engine::Event& event) {
    if (!engine_alive_ || machine_.finished()) return;
    const auto* reverted = std::get_if<engine::Reverted>(&event);
    told_unclean_ |= reverted && !reverted->clean;
    carry_out(machine_.handle(now_, event));
  }

  void tick() {
    if (!engine_alive_ || machine_.finished()) return;
    feed(engine::Tick{});
    at(now_ + kTick, [this] { tick(); });
  }

  void carry_out(const Actions& actions) {
    for (const auto& action : actions) std::visit([this](const auto& a) { perform(a); }, action);
  }
  void perform(const engine::Observe& action) {
    if (looking_) return;
    looking_ = true;
    if (random_.uniform() < schedule_.dead_look) return;  // a source that never answers again
    Nanos late = schedule_.slow_look > Nanos(0) ? Nanos(random_.below(schedule_.slow_look.count())) : 1ms;
    at(now_ + late, [this, action, asked = now_] { answer(action.expectation, asked); });
  }
  // Of data that was taken at some time between the question and the answer, over a window that may be longer; and
  // some of it nobody knows the age of, or is not whole.
  void answer(size_t expectation, BootTime asked) {
    looking_ = false;
    bool over = schedule_.breach_until && now_ >= *schedule_.breach_until;
    bool breached = schedule_.breach_from && now_ >= *schedule_.breach_from && !over;
    Observation observation{Observation::Outcome::kValues, true, {{"", breached ? 0.5 : 0.001}}, "", 1ms};
    BootTime until = now_ - Nanos(random_.below(static_cast<uint64_t>((now_ - asked).count()) + 1));
    BootTime from = random_.below(4) ? asked : asked - Nanos(random_.below(3'000'000'000));
    BootTime back_to = random_.below(2) ? from : from - Nanos(random_.below(3'000'000'000));
    if (random_.below(10)) observation.taken = DataTimes{from, until, until, back_to};
    if (random_.below(10) == 0) observation.doubt = "a line of the page was dropped";
    note_breach(breached, observation.taken ? until : now_);
    if (!breached && observation.taken && observation.doubt.empty()) {
      good_look_during_ |= in_force_between(from, until) && in_force_between(back_to, until);
      good_look_after_ |= back_to >= ended_ && !hit_.empty() && in_force_.empty();
    }
    feed(engine::Observed{expectation, observation});
  }
  // What the machine has been told of when the fault came in force lies between the first and the last victim.
  void note_breach(bool breached, BootTime at) {
    if (!breached || !engine_alive_) return;
    Phase phase = machine_.phase();
    bool attacked = phase == Phase::kInject || phase == Phase::kDuring || phase == Phase::kRevert;
    BootTime first = attacked ? first_hit_.value_or(BootTime::max() - within_) : BootTime{};
    breach_out_of_time_ |= within_ == Nanos(0) || phase == Phase::kAfter || at >= first + within_;
    bool due = within_ == Nanos(0) || (last_hit_ && at >= *last_hit_ + within_);
    breach_seen_during_ |= phase == Phase::kDuring && due;
  }
  bool in_force_between(BootTime from, BootTime until) const {
    size_t least = 0;
    for (const auto& [time, count] : forces_) {
      if (time >= until && time > from) break;
      least = time <= from ? count : std::min(least, count);
    }
    return least >= std::max<size_t>(1, all_needed_ ? victims_.size() : (victims_.size() + 1) / 2);
  }
  void perform(const engine::Check& action) {
    send([this, action] { check(action.impact); });
  }
  void perform(const engine::LookForReturn& action) {
    if (random_.below(2)) feed(engine::Returned{action.impact, random_.below(2) == 0, now_});
  }
  void perform(const engine::Inject& action) {
    if (one_way_) expect_enough_passed();
    send([this, action] { apply(action.impact); });
  }
  void perform(const engine::Renew&) {
    send([this] {
      if (guard_alive_) leases_.renew(now_), renewed_ = now_;
    });
  }
  void perform(const engine::RevertAll& action) {
    send([this, why = action.why] {
      if (!guard_alive_) return;
      reverting_ = true;
      let_go_of_checked();
      end_all(why);
      if (!schedule_.hung) to_engine(engine::NothingInForce{});
    });
  }
  void perform(const engine::Act&) {
    EXPECT_TRUE(in_force_.empty()) << "the rollback began while the fault was in force";
    EXPECT_FALSE(acting_) << "the rollback began twice";
    EXPECT_FALSE(told_unclean_) << "the rollback began although a fault could not be removed";
    EXPECT_FALSE(schedule_.hung && guard_alive_ && !hit_.empty())
        << "the rollback began although nobody knows whether the fault is off";
    acting_ = true;
    BootTime end = now_;
    for (size_t i = 0; i < actions_; ++i) {
      Nanos took = Nanos(random_.below(3'000'000'000));
      end += took;
      at(end, [this, took, last = i + 1 == actions_] {
        ++acted_;
        events::Action action;
        action.ok = last;
        action.took = took;
        feed(engine::Acted{action, last});
      });
    }
  }
  void perform(const engine::Emit& emitted) {
    if (std::getenv("ORDEAL_SEED"))
      fmt::print("{:.3f} run {}: {} {}\n", to_seconds(now_.time_since_epoch()), number_, events::type_of(emitted.data),
                 json::write(events::to_json(emitted.data)));
  }
  void perform(const engine::Finish& action) {
    verdict_ = action.verdict;
    acted_at_the_end_ = acted_;
    // The program says goodbye to its guard, or its end closes the socket.
    at(now_, [this] { end_all("bye"), forget_claims(), guard_alive_ = false; });
  }

  // What cannot be undone begins only when enough victims have passed.
  void expect_enough_passed() {
    double needed = all_needed_ ? static_cast<double>(victims_.size()) : static_cast<double>(victims_.size()) / 2;
    EXPECT_GE(static_cast<double>(passed_.size()), std::max(needed, 1.0))
        << "somebody is hit in a run that cannot succeed";
    for (const Victim& victim : victims_)
      EXPECT_FALSE(refusal_of(policy_, victim)) << "somebody is hit although a victim of the run is protected";
  }

  // The guard.
  void check(int impact) {
    if (!guard_alive_ || guard_done_ || reverting_) return;
    const Victim& victim = victims_.at(impact);
    auto refusal = refusal_of(policy_, victim);
    auto held = claims_.find(victim.name);
    bool free = held == claims_.end() || held->second == number_;
    Error error{Errc::kRefused, refusal ? refusal->rule : "held by another run", 0, "", nullptr};
    if (!refusal && random_.uniform() < schedule_.unfit) error.code = Errc::kNotInjected, free = false;
    if (refusal || !free) return to_engine(engine::CheckFailed{impact, error});
    claims_[victim.name] = number_;
    passed_.insert(impact);
    to_engine(engine::Checked{impact});
  }
  void let_go_of_checked() {
    for (int impact : passed_) {
      auto held = claims_.find(victims_.at(impact).name);
      if (!in_force_.count(impact) && held != claims_.end() && held->second == number_) claims_.erase(held);
    }
  }
  void apply(int impact) {
    if (!guard_alive_ || guard_done_ || reverting_) return;
    if (answered_.count(impact)) return to_engine(answered_.at(impact));
    const Victim& victim = victims_.at(impact);
    std::string claim = victim.name;
    auto refusal = refusal_of(policy_, victim);
    bool unfit = one_way_ && random_.uniform() < schedule_.unfit;  // it changed since it was checked
    auto held = claims_.find(claim);
    if (refusal || unfit || (held != claims_.end() && !(one_way_ && held->second == number_))) {
      Error error{unfit ? Errc::kNotInjected : Errc::kRefused, refusal ? refusal->rule : "held by another run", 0, "",
                  nullptr};
      answered_.emplace(impact, engine::ApplyFailed{impact, error});
    } else {
      claims_[claim] = number_;
      in_force_[impact] = {now_, claim};
      hit_.insert(impact);
      if (!first_hit_) first_hit_ = now_;
      last_hit_ = now_;
      if (in_force_.size() == 1) renewed_ = now_;
      leases_.applied(impact, now_, length_);
      answered_.emplace(impact, engine::Applied{impact, {}, now_});
    }
    to_engine(answered_.at(impact));
  }
  void end(int impact, const std::string& why, bool broken = false) {
    auto found = in_force_.find(impact);
    if (found == in_force_.end()) return;
    claims_.erase(found->second.claim);
    Proof proof{schedule_.proven, "", "no", 0, 0, ""};
    if (one_way_) proof.lasting = "a process was killed", proof.may_return = true;
    bool clean = !schedule_.unclean;
    engine::Reverted event{impact, clean, broken, why, clean ? "" : "busy", found->second.applied, now_, 1ms, proof};
    in_force_.erase(found);
    leases_.ended(impact);
    if (!schedule_.hung) to_engine(event);
  }
  void end_all(const std::string& why) {
    if (!guard_alive_) return;
    while (!in_force_.empty()) end(in_force_.begin()->first, why);
  }
  void end_what_is_due() {
    if (!guard_alive_) return;
    for (const auto& due : leases_.due(now_))
      end(due.impact, due.why == guard::LeaseTable::Why::kLease ? "lease" : "length");
  }
  void guard_halts(const std::string& by, const std::string& why) {
    if (!guard_alive_ || guard_done_) return;
    guard_done_ = true;
    to_engine(engine::HaltAsked{by, why});
    end_all(why);
  }
  // What is in force stays so until the engine misses the beats and has the standby end them both.
  void guard_and_reaper_stop() {
    if (!guard_alive_ || in_force_.empty()) return;
    guard_alive_ = false;
    stopped_in_force_ = true;
    finished_before_stop_ = machine_.finished();
    at(now_ + 700ms, [this] {
      for (const auto& [impact, state] : in_force_) claims_.erase(state.claim), leases_.ended(impact);
      in_force_.clear();
      engine::GuardLost lost{schedule_.leaves ? "a frozen cgroup" : "", "the guard hung and was ended"};
      told_unclean_ |= schedule_.leaves;
      feed(lost);
    });
  }
  void forget_claims() {
    for (auto it = claims_.begin(); it != claims_.end();)
      it = it->second == number_ ? claims_.erase(it) : std::next(it);
  }
  void guard_dies() {  // its impacts are owned by descriptors: the kernel ends them
    if (!guard_alive_) return;
    guard_alive_ = false;
    while (!in_force_.empty()) {
      auto it = in_force_.begin();
      claims_.erase(it->second.claim);
      leases_.ended(it->first);
      in_force_.erase(it);
    }
    forget_claims();
    at(now_ + 10ms, [this] { feed(engine::GuardLost{}); });
  }
  void engine_dies() {
    engine_alive_ = false;
    // The socket closes; now and then only the lease is left to notice (a frozen engine).
    if (random_.below(2)) at(now_ + 1ms, [this] { end_all("the engine is gone"), guard_done_ = true; });
  }
  // Well before its end, so that the message comes before the verdict.
  void a_fault_breaks() {
    if (!guard_alive_ || in_force_.empty()) return;
    const auto& [impact, force] = *in_force_.begin();
    broke_ |= now_ + 200ms < force.applied + length_;
    end(impact, "the queue closed", true);
  }
  void a_victim_goes() {
    if (in_force_.empty()) return;
    int impact = in_force_.begin()->first;
    to_engine(engine::VictimGone{impact, "its first process has exited"});
    end(impact, "the victim is gone");
  }

  void check_in_force() {
    if (stopped_in_force_) {
      ASSERT_TRUE(in_force_.empty() || now_ <= *schedule_.both_stop + 700ms) << "nobody ended what was in force";
      return;
    }
    if (forces_.empty() || forces_.back().second != in_force_.size()) forces_.emplace_back(now_, in_force_.size());
    if (!in_force_.empty()) ended_ = now_;
    for (const auto& [impact, state] : in_force_) {
      ASSERT_FALSE(refusal_of(policy_, victims_.at(impact))) << "a protected victim was hit";
      ASSERT_EQ(claims_.at(state.claim), number_) << "two runs on one resource";
      ASSERT_LE(now_, state.applied + length_) << "an impact outlived its length";
      ASSERT_LE(now_, renewed_ + kLease) << "an impact outlived its lease";
    }
  }

  Random random_;
  int number_;
  Claims& claims_;
  FaultSchedule schedule_;
  Policy policy_;
  std::vector<Victim> victims_;
  NoData no_data_{};
  Nanos length_{0};
  Nanos within_{0};
  static constexpr Nanos kRecovery = 3s;
  bool all_needed_ = true, one_way_ = false;
  size_t actions_ = 0;  // of the rollback
  Machine machine_;
  guard::LeaseTable leases_{kLease};
  std::priority_queue<Work> queue_;
  int64_t order_ = 0;
  BootTime now_{};
  BootTime renewed_{};
  bool engine_alive_ = true, guard_alive_ = true, guard_done_ = false, reverting_ = false, looking_ = false;
  bool acting_ = false, told_unclean_ = false, stopped_in_force_ = false, finished_before_stop_ = false;
  size_t acted_ = 0, acted_at_the_end_ = 0;
  bool good_look_during_ = false, good_look_after_ = false, breach_seen_during_ = false, broke_ = false;
  std::vector<std::pair<BootTime, size_t>> forces_;  // how many were hit, from when on
  bool breach_out_of_time_ = false;                  // of what `within` gives
  std::optional<BootTime> first_hit_, last_hit_;
  BootTime ended_{};  // until when at least one was
  std::map<int, InForce> in_force_;
  std::map<int, engine::Event> answered_;
  std::set<int> hit_, passed_;
  std::optional<Verdict> verdict_;
};

constexpr const char* kHeldLate = "held with a `within` longer than the recovery";

void simulate(uint64_t seed, std::map<std::string, int>& outcomes) {
  Claims claims;
  Random random(seed);
  std::vector<std::unique_ptr<SimulatedRun>> runs;
  for (uint64_t i = 0, n = 1 + random.below(2); i < n; ++i)
    runs.push_back(std::make_unique<SimulatedRun>(random.next(), static_cast<int>(i), claims));
  for (int steps = 0; steps < 20'000; ++steps) {
    auto next = std::min_element(runs.begin(), runs.end(), [](auto& a, auto& b) { return a->next() < b->next(); });
    if ((*next)->next() == BootTime::max() || (*next)->next() > BootTime(120s)) break;
    (*next)->step();
    if (testing::Test::HasFatalFailure()) return;
  }
  for (const auto& run : runs) {
    run->check_at_the_end();
    ++outcomes[run->outcome()];
    outcomes[kHeldLate] += run->held_after_more_than_the_recovery();
  }
}

TEST(EngineSimulation, TenThousandSchedulesKeepTheSafetyModel) {
  std::map<std::string, int> outcomes;
  const char* only = std::getenv("ORDEAL_SEED");
  uint64_t first = only ? std::strtoull(only, nullptr, 10) : 0;
  uint64_t last = only ? first + 1 : 10'000;
  for (uint64_t seed = first; seed < last; ++seed) {
    simulate(seed, outcomes);
    ASSERT_FALSE(testing::Test::HasFailure()) << "run it alone with ORDEAL_SEED=" << seed;
  }
  for (const auto& [outcome, count] : outcomes) fmt::print("{}: {}\n", outcome, count);
  if (only) return;
  for (const char* outcome : {"held", "deviated", "not injected", "halted", "refused", "error", "crashed", kHeldLate})
    EXPECT_GT(outcomes[outcome], 50) << "the schedules do not reach the outcome " << outcome;
}

}  // namespace
}  // namespace ordeal
