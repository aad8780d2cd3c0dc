// CircuitBreaker: stops calling what keeps failing. Closed = calls pass, open = refused, half-open = probing.
//
//   CircuitBreaker breaker({.name = "stripe", .open_for = 30s});
//   if (auto permit = breaker.try_acquire()) {
//     auto answer = client.get(request);                        // with a deadline of its own
//     answer.ok() ? permit.success() : permit.failure();
//   } else {
//     use(permit.refusal());
//   }
//
// or auto answer = breaker.call([&] { return client.get(request); }). It is thread-safe, creates no threads or timers,
// allocates at transitions only, and works without exceptions and RTTI. It must outlive its permits.
//
// An open breaker becomes half-open at the first admission after its period, or at poll(), not by itself.
// A report whose permit is of an earlier state changes nothing and is counted as late; one success that is being
// reported at the very instant of a transition may still be counted in the new window.
#pragma once

#include <algorithm>
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "ordeal/resilience/breaker_core.h"
#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience {

template <Clock C = CoarseClock>
class CircuitBreaker {
 public:
  class Permit;

  // Throws std::invalid_argument with the check() of options that are out of range (ends the program where the library
  // was built without exceptions). create() returns nullptr and the sentence instead.
  explicit CircuitBreaker(CircuitBreakerOptions options, C clock = {})
      : clock_(std::move(clock)), core_(checked(std::move(options)), clock_.now()) {}
  static std::unique_ptr<CircuitBreaker> create(CircuitBreakerOptions options, std::string& error, C clock = {}) {
    error = check(options);
    if (!error.empty()) return nullptr;
    return std::make_unique<CircuitBreaker>(std::move(options), std::move(clock));
  }

  // `now` may be a time that the caller has at hand: monotonic, of the same epoch. One that is too early, as by a clock
  // that differs or since the call began long ago, changes nothing of what a report counts.
  Permit try_acquire() {
    uint64_t word = core_.word();
    if ((word & (kNeedsMore | BreakerCore::kTimed)) == 0) {
      return Permit(this, word >> BreakerCore::kGenerationShift, BreakerCore::kNoStart);
    }
    return try_acquire(time(word));
  }
  Permit try_acquire(TimePoint now) {
    uint64_t word = core_.word();
    if ((word & kNeedsMore) == 0) return Permit(this, word >> BreakerCore::kGenerationShift, now);
    Duration left = core_.refuse_fast(word, now);
    if (left > Duration::zero()) return Permit(Refusal{Refusal::Reason::kOpen, name().c_str(), left});
    Admission admission = core_.admit(now);
    if (admission.admitted) return Permit(this, admission.generation, now);
    return Permit(admission.refusal);
  }

  // Through the breaker, if it admits: see Pipeline::call. A result counts as what the classifier says it is.
  template <class F, bool = detail::kExceptions>
  ResultFor<detail::Returned<F>> call(F&& function) {
    return Pipeline(*this).call(function);
  }
  template <class Classifier>
  Judged<CircuitBreaker, Classifier> judged_by(Classifier classifier) {
    return {*this, std::move(classifier)};
  }

  static constexpr PolicyKind kKind = PolicyKind::kCircuitBreaker;
  std::string describe() const { return "circuit breaker " + name(); }
  template <class R, class Next>
  R run(Call& call, Next&& next) {
    return run_judged<R>(call, next, DefaultClassifier());
  }
  template <class R, class Next, class Classifier>
  R run_judged(Call& call, Next&& next, const Classifier& classifier) {
    Permit permit = try_acquire();
    if (!permit) return refuse<R>(permit.refusal());
    FailUnlessReported guard{permit};
    R result = next(call);
    permit.record(detail::judge(classifier, result));
    return result;
  }

  // A move by hand; false when the state is that already, or cannot be reached from the present one: half-open only
  // from open and forced-open, nothing from shut down.
  bool move_to(State state) { return core_.move(state, clock_.now(), std::nullopt); }
  bool force_open() { return move_to(State::kForcedOpen); }
  bool disable() { return move_to(State::kDisabled); }
  bool only_measure() { return move_to(State::kMetricsOnly); }
  bool shut_down() { return move_to(State::kShutDown); }
  // Opens, or moves the end of an open period. Instead of open_for.
  bool open_for(Duration period) { return open_until(later(clock_.now(), period)); }
  bool open_until(TimePoint end) { return core_.move(State::kOpen, clock_.now(), end); }
  // Closed, with an empty window; the totals stay.
  void reset() { core_.reset(clock_.now()); }

  // Makes the transition that is due by now. For who wants the state to move without calls: a timer.
  void poll() { core_.poll(clock_.now()); }
  State state() const { return BreakerCore::state_of(core_.word()); }
  // How long it will still refuse, at most: until the open period, or the wait for the probes that are out, is over.
  // 0 in any other state, and without an end.
  Duration retry_after() const { return core_.retry_after(clock_.now()); }
  BreakerSnapshot snapshot() const { return core_.snapshot(clock_.now()); }
  CircuitBreakerOptions options() const { return core_.options(); }
  // "" or why nothing was changed. From the next call on; the window starts anew where its kind or size changes.
  std::string change(CircuitBreakerOptions options) { return core_.change(std::move(options), clock_.now()); }
  const std::string& name() const { return core_.name(); }
  const std::string& service() const { return core_.service(); }

 private:
  static constexpr uint64_t kNeedsMore = BreakerCore::kStateBits | BreakerCore::kRamping | BreakerCore::kCounted;
  // A coarse clock is for rates; where slow calls count, time is read exactly.
  TimePoint time(uint64_t word) const { return word & BreakerCore::kTimed ? exact_time(clock_) : clock_.now(); }
  // An exception that passes by is a failure.
  struct FailUnlessReported {
    Permit& permit;
    ~FailUnlessReported() { permit.failure(); }
  };
  static CircuitBreakerOptions checked(CircuitBreakerOptions options) {
    detail::require_valid("circuit breaker " + options.name, check(options));
    return options;
  }

  [[no_unique_address]] C clock_;
  BreakerCore core_;
};

CircuitBreaker(CircuitBreakerOptions)->CircuitBreaker<CoarseClock>;

// Move-only: leave to make one call, or the refusal. Report once; further reports are ignored. Dropped without one, it
// gives its place back and counts as options.abandoned.
template <Clock C>
class [[nodiscard]] CircuitBreaker<C>::Permit {
 public:
  Permit(Permit&& other) noexcept { take(other); }
  Permit& operator=(Permit&& other) noexcept {
    if (this == &other) return *this;
    drop();
    take(other);
    return *this;
  }
  ~Permit() { drop(); }

  explicit operator bool() const { return admitted_; }
  // Of a refused one.
  const Refusal& refusal() const { return refusal_; }

  void success() { record(Outcome::kSuccess); }
  void failure() { record(Outcome::kFailure); }
  void timeout() { record(Outcome::kTimeout); }
  void ignore() { record(Outcome::kIgnored); }
  void record(Outcome outcome) {
    if (breaker_ != nullptr) record(outcome, breaker_->time(breaker_->core_.word()));
  }
  // `ended`: as `now` of try_acquire().
  void record(Outcome outcome, TimePoint ended) {
    CircuitBreaker* breaker = std::exchange(breaker_, nullptr);
    if (breaker == nullptr) return;
    BreakerCore& core = breaker->core_;
    auto now = [&] { return std::max(ended, breaker->clock_.now()); };
    if (outcome == Outcome::kSuccess && core.record_success_fast(call_.generation, call_.started, ended, now)) return;
    core.record(call_.generation, outcome, call_.started, ended, now());
  }

 private:
  friend class CircuitBreaker;
  struct Call {
    uint64_t generation;
    TimePoint started;
  };
  Permit(CircuitBreaker* breaker, uint64_t generation, TimePoint started)
      : breaker_(breaker), admitted_(true), call_{generation, started} {}
  explicit Permit(const Refusal& refusal) : refusal_(refusal) {}

  void take(Permit& other) {
    breaker_ = std::exchange(other.breaker_, nullptr);
    admitted_ = other.admitted_;
    if (admitted_) {
      std::construct_at(&call_, other.call_);
    } else {
      std::construct_at(&refusal_, other.refusal_);
    }
  }
  void drop() {
    if (breaker_ == nullptr) return;
    CircuitBreaker* breaker = std::exchange(breaker_, nullptr);
    breaker->core_.abandon(call_.generation, call_.started, breaker->time(breaker->core_.word()));
  }

  CircuitBreaker* breaker_ = nullptr;
  bool admitted_ = false;
  union {
    Call call_;
    Refusal refusal_;
  };
};

}  // namespace ordeal::resilience
