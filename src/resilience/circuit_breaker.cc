#include "ordeal/resilience/circuit_breaker.h"

#include <algorithm>
#include <utility>

namespace ordeal::resilience {

namespace {

constexpr Duration kShortest = std::chrono::milliseconds(1);
constexpr Duration kLongest = std::chrono::hours(24);

std::string out_of_range(const char* option, const std::string& value, const char* range) {
  return std::string(option) + " is " + value + ": it must be " + range;
}

std::string check_durations(const CircuitBreakerOptions& options) {
  const std::pair<const char*, Duration> durations[] = {{"window", options.window},
                                                        {"open_for", options.open_for},
                                                        {"probe_wait", options.probe_wait},
                                                        {"call_timeout", options.call_timeout}};
  for (const auto& [name, value] : durations) {
    if (value >= kShortest && value <= kLongest) continue;
    auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(value).count();
    return out_of_range(name, std::to_string(nanos) + " ns", "between 1 ms and 1 day");
  }
  return "";
}

std::string check(const CircuitBreakerOptions& options) {
  double percent = options.failure_percent;
  if (!(percent >= 0 && percent <= 100)) {
    return out_of_range("failure_percent", std::to_string(percent), "between 0 and 100");
  }
  if (options.buckets < 1 || options.buckets > 1000) {
    return out_of_range("buckets", std::to_string(options.buckets), "between 1 and 1000");
  }
  if (options.probes < 1 || options.probes > 1000) {
    return out_of_range("probes", std::to_string(options.probes), "between 1 and 1000");
  }
  if (percent == 100 && options.consecutive_failures == 0) {
    return "failure_percent is 100 and consecutive_failures is 0: it could never trip";
  }
  if (!options.now) return "now is empty: it must be a clock";
  return check_durations(options);
}

size_t index(State state) { return static_cast<size_t>(state); }

}  // namespace

const char* to_text(State state) {
  static constexpr const char* kNames[] = {"closed", "half-open", "open"};
  return kNames[index(state)];
}

double gauge_value(State state) { return static_cast<double>(index(state)) / 2; }

CircuitBreakerOptions opossum_like(uint64_t volume_threshold) {
  CircuitBreakerOptions options;
  options.minimum_calls = volume_threshold;
  options.denominator = CircuitBreakerOptions::Denominator::kStarted;
  return options;
}

CircuitBreakerOptions pybreaker_like(uint64_t fail_max, Duration reset_timeout) {
  CircuitBreakerOptions options;
  options.failure_percent = 100;
  options.consecutive_failures = fail_max;
  options.open_for = reset_timeout;
  return options;
}

std::unique_ptr<CircuitBreaker> CircuitBreaker::create(CircuitBreakerOptions options, std::string& error) {
  error = check(options);
  if (!error.empty()) return nullptr;
  return std::unique_ptr<CircuitBreaker>(new CircuitBreaker(std::move(options)));
}

CircuitBreaker::CircuitBreaker(CircuitBreakerOptions options)
    : options_(std::move(options)), window_(options_.window, options_.buckets), since_(options_.now()) {}

std::optional<CircuitBreaker::Permit> CircuitBreaker::acquire() {
  TimePoint now = options_.now();
  std::unique_lock lock(mutex_);
  if (state_ == State::kHalfOpen && probes_out_ > 0 && now - since_ >= options_.probe_wait) {
    move_to(State::kOpen, now);
  } else if (state_ == State::kOpen && now - since_ >= options_.open_for) {
    move_to(State::kHalfOpen, now);
  }
  bool allowed =
      state_ == State::kClosed || (state_ == State::kHalfOpen && probes_out_ + probes_good_ < options_.probes);
  if (allowed) {
    ++totals_.permitted;
    if (state_ == State::kHalfOpen) ++probes_out_;
    if (state_ == State::kClosed) window_.add(now, {.started = 1});
  } else {
    ++totals_.refused;
  }
  uint64_t generation = generation_;
  auto transition = take_transition();
  lock.unlock();
  announce(transition);
  if (!allowed) return std::nullopt;
  return Permit(this, generation);
}

void CircuitBreaker::report(uint64_t generation, Outcome outcome) {
  TimePoint now = options_.now();
  std::unique_lock lock(mutex_);
  if (generation != generation_) {
    ++totals_.late;
    return;
  }
  bool failed = outcome == Outcome::kFailure || outcome == Outcome::kAbandoned;
  totals_.succeeded += outcome == Outcome::kSuccess;
  totals_.failed += failed;
  totals_.abandoned += outcome == Outcome::kAbandoned;
  totals_.ignored += outcome == Outcome::kIgnored;
  if (state_ == State::kHalfOpen) {
    record_half_open(now, outcome);
  } else if (outcome != Outcome::kIgnored) {
    record_closed(now, failed);
  }
  auto transition = take_transition();
  lock.unlock();
  announce(transition);
}

void CircuitBreaker::record_closed(TimePoint now, bool failed) {
  window_.add(now, {.succeeded = !failed, .failed = failed});
  totals_.failures_in_a_row = failed ? totals_.failures_in_a_row + 1 : 0;
  if (failed && must_trip(now)) move_to(State::kOpen, now);
}

void CircuitBreaker::record_half_open(TimePoint now, Outcome outcome) {
  --probes_out_;
  if (outcome == Outcome::kIgnored) return;
  if (outcome != Outcome::kSuccess) {
    move_to(State::kOpen, now);
  } else if (++probes_good_ == options_.probes) {
    move_to(State::kClosed, now);
  }
}

bool CircuitBreaker::must_trip(TimePoint now) {
  if (options_.consecutive_failures > 0 && totals_.failures_in_a_row >= options_.consecutive_failures) return true;
  const WindowCounts& counts = window_.counts(now);
  bool started = options_.denominator == CircuitBreakerOptions::Denominator::kStarted;
  // A call that began before the window may end within it: never let the share exceed 100 %.
  uint64_t completed = counts.succeeded + counts.failed;
  uint64_t calls = started && counts.started > completed ? counts.started : completed;
  if (calls < options_.minimum_calls) return false;
  return static_cast<double>(counts.failed) * 100 > options_.failure_percent * static_cast<double>(calls);
}

void CircuitBreaker::move_to(State to, TimePoint now) {
  pending_ = Transition{state_, to, ++generation_, now};
  ++totals_.transitions[index(state_)][index(to)];
  state_ = to;
  since_ = now;
  probes_out_ = probes_good_ = 0;
  totals_.failures_in_a_row = 0;
  window_.clear();
}

void CircuitBreaker::announce(const std::optional<Transition>& transition) const {
  if (transition && options_.on_transition) options_.on_transition(*transition);
}

State CircuitBreaker::state() const {
  std::lock_guard lock(mutex_);
  return state_;
}

Duration CircuitBreaker::retry_after() const {
  TimePoint now = options_.now();
  std::lock_guard lock(mutex_);
  if (state_ != State::kOpen) return Duration::zero();
  return std::max(Duration::zero(), options_.open_for - (now - since_));
}

CircuitBreaker::Snapshot CircuitBreaker::snapshot() const {
  TimePoint now = options_.now();
  std::lock_guard lock(mutex_);
  Snapshot snapshot = totals_;
  snapshot.state = state_;
  snapshot.window = window_.counts(now);
  return snapshot;
}

CircuitBreaker::Permit& CircuitBreaker::Permit::operator=(Permit&& other) noexcept {
  if (this == &other) return *this;
  report(Outcome::kAbandoned);
  breaker_ = std::exchange(other.breaker_, nullptr);
  generation_ = other.generation_;
  return *this;
}

void CircuitBreaker::Permit::report(Outcome outcome) {
  if (auto* breaker = std::exchange(breaker_, nullptr)) breaker->report(generation_, outcome);
}

}  // namespace ordeal::resilience
