#include "ordeal/resilience/breaker_core.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

namespace ordeal::resilience {

namespace {

using Options = CircuitBreakerOptions;
using Reason = Refusal::Reason;

constexpr uint8_t kDone = 1, kHasFailed = 2, kWasSlow = 4;

std::string unique_name() {
  static std::atomic<uint64_t> made{0};
  return "breaker-" + std::to_string(++made);
}

Options named(Options options) {
  if (options.name.empty()) options.name = unique_name();
  if (options.service.empty()) options.service = options.name;
  return options;
}

bool reached(uint64_t part, uint64_t whole, double percent, Options::Comparison comparison) {
  double hundredfold = static_cast<double>(part) * 100, limit = percent * static_cast<double>(whole);
  return part > 0 && (comparison == Options::Comparison::kAbove ? hundredfold > limit : hundredfold >= limit);
}

bool is_failure(Outcome outcome) { return outcome == Outcome::kFailure || outcome == Outcome::kTimeout; }

Reason reason_of(State state) {
  switch (state) {
    case State::kHalfOpen:
      return Reason::kHalfOpenFull;
    case State::kForcedOpen:
      return Reason::kForcedOpen;
    case State::kShutDown:
      return Reason::kShutDown;
    case State::kClosed:
      return Reason::kRampUp;
    default:
      return Reason::kOpen;
  }
}

bool is_legal(State from, State to) {
  if (from == to || from == State::kShutDown) return false;
  return to != State::kHalfOpen || from == State::kOpen || from == State::kForcedOpen;
}

}  // namespace

void BreakerCore::Ring::add(bool failed, bool slow) {
  uint8_t& call = calls[next];
  if (call & kDone) {
    (call & kHasFailed ? sum.failed : sum.succeeded) -= 1;
    sum.slow -= (call & kWasSlow) != 0;
  }
  call = static_cast<uint8_t>(kDone | (failed ? kHasFailed : 0) | (slow ? kWasSlow : 0));
  (failed ? sum.failed : sum.succeeded) += 1;
  sum.slow += slow;
  next = (next + 1) % calls.size();
}

BreakerCore::BreakerCore(Options options, TimePoint now)
    : shards_(new detail::Shard[options.shards]),
      shard_count_(options.shards),
      first_(named(std::move(options))),
      since_(now),
      born_(now),
      random_(first_.seed) {
  shape_window(now);
  set_word(first_.initial, 0);
  if (first_.initial == State::kOpen) until_ = later(now, next_open_period()).time_since_epoch().count();
}

// ---- The window ----

WindowCounts BreakerCore::totals() const {
  WindowCounts sum;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    sum.succeeded += shards_[i].succeeded.load();
    sum.failed += shards_[i].failed.load(std::memory_order_relaxed);
    sum.slow += shards_[i].slow.load(std::memory_order_relaxed);
    sum.started += shards_[i].started.load(std::memory_order_relaxed);
  }
  return sum;
}

void BreakerCore::shape_window(TimePoint now) {
  bool timed = rules().slow_after > Duration::zero() || rules().count_started;
  columns_ = timed ? 4 : 2;
  int64_t millis = rules().window / std::chrono::milliseconds(1);
  bucket_count_ = static_cast<uint32_t>(std::min<int64_t>(rules().buckets, millis));
  bucket_length_ = rules().window.count() / bucket_count_;
  starts_ = std::make_unique<uint64_t[]>(bucket_count_ * columns_);
  slow_after_ = rules().slow_after.count();
  ring_ = rules().kind == Options::Window::kCalls ? std::make_unique<Ring>() : nullptr;
  clear_window(now);
}

void BreakerCore::clear_window(TimePoint now) {
  if (ring_) {
    ring_->calls.assign(rules().last_calls, 0);
    ring_->next = 0;
    ring_->sum = {};
  }
  bucket_ = bucket_of(now) - bucket_count_;
  rotate(now);
  attention_ = 0;
}

void BreakerCore::rotate(TimePoint now) {
  int64_t newest = bucket_of(now);
  if (newest <= bucket_) return;
  WindowCounts sum = totals();
  for (int64_t bucket = std::max(bucket_, newest - bucket_count_) + 1; bucket <= newest; ++bucket) {
    uint64_t* start = start_of(bucket);
    start[0] = sum.succeeded;
    start[1] = sum.failed;
    if (columns_ == 4) start[2] = sum.slow, start[3] = sum.started;
  }
  bucket_ = newest;
  bucket_end_ = (newest + 1) * bucket_length_;
}

WindowCounts BreakerCore::window_at(TimePoint now) const {
  if (ring_) return ring_->sum;
  int64_t oldest = std::max(bucket_of(now), bucket_) - bucket_count_ + 1;
  if (oldest > bucket_) return {};
  const uint64_t* start = const_cast<BreakerCore*>(this)->start_of(oldest);
  WindowCounts sum = totals();
  sum.succeeded -= start[0];
  sum.failed -= start[1];
  sum.slow = columns_ == 4 ? sum.slow - start[2] : 0;
  // An ignored call is taken from the count at its end, when its start may have left the window.
  sum.started = columns_ == 4 && sum.started > start[3] ? sum.started - start[3] : 0;
  return sum;
}

// ---- States ----

void BreakerCore::set_word(State state, uint64_t flags, uint64_t generations) {
  if (rules().slow_after > Duration::zero()) flags |= kTimed;
  if (rules().count_started) flags |= kCounted;
  if (ring_) flags |= kExact;
  // In one store: a call that saw the new generation with the old state would be admitted to the wrong one.
  uint64_t generation = (word_.load(std::memory_order_relaxed) >> kGenerationShift) + generations;
  word_.store(generation << kGenerationShift | flags | static_cast<uint64_t>(state), std::memory_order_release);
}

uint64_t BreakerCore::transition_count() const {
  uint64_t count = 0;
  for (const TransitionCount& each : transitions_) count += each.count;
  return count;
}

void BreakerCore::enter(State to, Event::Cause cause, TimePoint now, TimePoint until) {
  State from = state_of(word());
  uint64_t number = transition_count() + 1, generation = (word() >> kGenerationShift) + 1;
  pending_.push_back({Event::Kind::kTransition, from, to, cause, number, generation, now, window_at(now)});
  auto counted = std::find_if(transitions_.begin(), transitions_.end(),
                              [&](const TransitionCount& each) { return each.from == from && each.to == to; });
  if (counted == transitions_.end()) counted = transitions_.insert(counted, {from, to, 0});
  ++counted->count;
  since_ = now;
  probes_ = {};
  exceeded_ = false;
  if (to == State::kClosed) openings_ = 0;
  clear_window(now);
  until_ = until.time_since_epoch().count();
  bool ramps = to == State::kClosed && cause == Event::Cause::kProbesSucceeded && rules().ramp_up > Duration::zero();
  set_word(to, ramps ? kRamping : 0, 1);
}

void BreakerCore::trip(Event::Cause cause, TimePoint now) {
  Duration period = next_open_period();
  enter(State::kOpen, cause, now, later(now, period));
}

Duration BreakerCore::next_open_period() {
  double nanos = static_cast<double>(rules().open_for.count());
  if (rules().open_growth > 1) {
    nanos *= std::pow(rules().open_growth, std::min(openings_, 1000u));
    nanos = std::min(nanos, static_cast<double>(rules().open_longest.count()));
  }
  ++openings_;
  nanos *= 1 + rules().open_jitter * (2 * random_.next() - 1);
  if (nanos >= static_cast<double>(Duration::max().count())) return Duration::max();
  return Duration(static_cast<int64_t>(nanos));
}

State BreakerCore::due(TimePoint now) const {
  State state = state_of(word());
  if (now.time_since_epoch().count() < until_.load(std::memory_order_relaxed)) return state;
  if (state == State::kOpen) return State::kHalfOpen;
  return state == State::kHalfOpen ? rules().after_probe_wait : state;
}

void BreakerCore::settle(TimePoint now) {
  State state = state_of(word()), next = due(now);
  if (state == State::kClosed && (word() & kRamping) && now - since_ >= rules().ramp_up) set_word(state, 0);
  if (next == state) return;
  if (next == State::kOpen) return trip(Event::Cause::kProbesUnreported, now);
  enter(next, state == State::kOpen ? Event::Cause::kOpenElapsed : Event::Cause::kProbesUnreported, now);
}

bool BreakerCore::move(State to, TimePoint now, std::optional<TimePoint> until) {
  Lock lock(mutex_);
  now = not_before_state(now);
  State from = state_of(word());
  if (from == to && to == State::kOpen && until) {
    until_ = until->time_since_epoch().count();
    return true;
  }
  if (!is_legal(from, to)) return false;
  if (to == State::kOpen && !until) until = later(now, next_open_period());
  enter(to, Event::Cause::kByHand, now, until.value_or(TimePoint::max()));
  announce(lock);
  return true;
}

void BreakerCore::reset(TimePoint now) {
  Lock lock(mutex_);
  now = not_before_state(now);
  State state = state_of(word());
  if (state == State::kShutDown) return;
  openings_ = 0;
  if (state == State::kClosed) {
    clear_window(now);
    set_word(State::kClosed, 0, 1);
  } else {
    enter(State::kClosed, Event::Cause::kByHand, now);
  }
  announce(lock);
}

void BreakerCore::poll(TimePoint now) {
  Lock lock(mutex_);
  settle(not_before_state(now));
  announce(lock);
}

void BreakerCore::announce(Lock& lock) {
  std::vector<Event> events = std::exchange(pending_, {});
  lock.unlock();
  if (!first_.on_event) return;
  for (const Event& event : events) {
#ifdef __cpp_exceptions
    try {
      first_.on_event(event);
    } catch (...) {
      detail::add(listener_errors_);
    }
#else
    first_.on_event(event);
#endif
  }
}

// ---- Admission ----

Admission BreakerCore::refuse(uint64_t word, TimePoint now) const {
  State state = state_of(word);
  bool probing = state == State::kHalfOpen || state == State::kClosed;
  probing ? detail::add(refused_half_open_) : shard().add_refused();
  // When a probe comes back is not known.
  Duration left = state == State::kOpen ? retry_after(now) : Duration::zero();
  return {false, 0, {reason_of(state), name().c_str(), left}};
}

Duration BreakerCore::retry_after(TimePoint now) const {
  State state = state_of(word());
  if (state != State::kOpen && state != State::kHalfOpen) return Duration::zero();
  int64_t until = until_.load(std::memory_order_relaxed);
  if (until == TimePoint::max().time_since_epoch().count()) return Duration::zero();
  return std::max(Duration::zero(), Duration(until) - now.time_since_epoch());
}

Admission BreakerCore::admit(TimePoint now) {
  uint64_t word = this->word();
  bool waits = now.time_since_epoch().count() < until_.load(std::memory_order_relaxed);
  switch (state_of(word)) {
    case State::kForcedOpen:
    case State::kShutDown:
      return refuse(word, now);
    case State::kDisabled:
      return {true, word >> kGenerationShift, {}};
    case State::kOpen:
      if (waits) return refuse(word, now);
      break;
    case State::kHalfOpen:
      if (waits && (word & kFull)) return refuse(word, now);
      break;
    case State::kClosed:
    case State::kMetricsOnly:
      if ((word & kRamping) || bucket_has_ended(now)) break;
      if (word & kCounted) detail::add(shard().started);
      return {true, word >> kGenerationShift, {}};
  }
  Lock lock(mutex_);
  Admission admission = admit_locked(not_before_state(now));
  announce(lock);
  return admission;
}

Admission BreakerCore::admit_locked(TimePoint now) {
  settle(now);
  State state = state_of(word());
  bool admitted = state == State::kDisabled || state == State::kMetricsOnly;
  if (state == State::kHalfOpen) admitted = admit_probe(now);
  if (state == State::kClosed) admitted = !(word() & kRamping) || admit_ramping(now);
  if (!admitted) return refuse(word(), now);
  if (state == State::kClosed || state == State::kMetricsOnly) {
    rotate(now);
    if (word() & kCounted) detail::add(shard().started);
  }
  return {true, word() >> kGenerationShift, {}};
}

bool BreakerCore::admit_probe(TimePoint now) {
  if (word() & kFull) return false;
  if (probes_.out++ == 0) until_ = later(now, rules().probe_wait).time_since_epoch().count();
  mark_full();
  return true;
}

// 1/16 at first, then 1/8, 1/4 and 1/2, each for a quarter of the time.
bool BreakerCore::admit_ramping(TimePoint now) {
  auto quarter = std::max<int64_t>(rules().ramp_up.count() / 4, 1);
  int64_t quarters = std::clamp<int64_t>((now - since_).count() / quarter, 0, 4);
  return random_.next() < std::ldexp(1.0, static_cast<int>(quarters) - 4);
}

uint32_t BreakerCore::successes_needed() const { return rules().successes > 0 ? rules().successes : rules().probes; }

void BreakerCore::mark_full() {
  uint32_t done = probes_.done();
  bool rate = rules().half_open_rule == Options::HalfOpenRule::kRate;
  bool full = rate ? probes_.out + done >= rules().probes
                   : probes_.out >= rules().probes || probes_.out + done >= successes_needed();
  set_word(State::kHalfOpen, full ? kFull : 0);
}

// ---- Results ----

void BreakerCore::notice_success(uint64_t generation, TimePoint now) {
  if ((attention_.fetch_and(kShort) & kShort) == 0) return;
  Lock lock(mutex_);
  if (word() >> kGenerationShift != generation) return;
  now = not_before_state(now);
  rotate(now);
  judge(now);
  announce(lock);
}

void BreakerCore::record(uint64_t generation, Outcome outcome, TimePoint started, TimePoint ended, TimePoint now) {
  uint64_t word = this->word();
  if (word >> kGenerationShift != generation) return detail::add(late_);
  bool closed = (word & kFlagBits & ~(kTimed | kCounted)) == 0;
  bool plain = closed && outcome == Outcome::kSuccess && !is_slow(started, ended);
  if (plain && !bucket_has_ended(now)) {
    if (count_success()) notice_success(generation, now);
    return;
  }
  Lock lock(mutex_);
  if (this->word() >> kGenerationShift != generation) return detail::add(late_);
  record_locked(outcome, is_slow(started, ended), not_before_state(now));
  announce(lock);
}

void BreakerCore::abandon(uint64_t generation, TimePoint started, TimePoint now) {
  Lock lock(mutex_);
  if (word() >> kGenerationShift != generation) return detail::add(late_);
  Outcome outcome = rules().abandoned;
  uint64_t ignored = ignored_;
  record_locked(outcome, is_slow(started, now), not_before_state(now));
  abandoned_ += state_of(word()) != State::kDisabled;
  ignored_ = ignored;  // it is among the abandoned
  announce(lock);
}

void BreakerCore::record_locked(Outcome outcome, bool slow, TimePoint now) {
  State state = state_of(word());
  if (state == State::kDisabled) return;
  slow = slow && outcome != Outcome::kIgnored;
  rotate(now);
  if (state == State::kHalfOpen) return record_probe(outcome, slow, now);
  if (outcome == Outcome::kIgnored) {
    if (word() & kCounted) shard().started.fetch_sub(1, std::memory_order_relaxed);
    return void(++ignored_);
  }
  count_result(outcome, slow);
  if (is_failure(outcome) || slow || (attention_.load() & kShort)) judge(now);
}

void BreakerCore::count_result(Outcome outcome, bool slow) {
  bool failed = is_failure(outcome);
  detail::add(failed ? shard().failed : shard().succeeded);
  timed_out_ += outcome == Outcome::kTimeout;
  if (slow) detail::add(shard().slow);
  if (ring_) ring_->add(failed, slow);
  failed ? attention_.fetch_add(1) : attention_.fetch_and(kShort);
}

std::optional<Event::Cause> BreakerCore::broken_rate(const WindowCounts& window, uint64_t minimum) const {
  uint64_t calls = rules().count_started ? std::max(window.started, window.calls()) : window.calls();
  if (!rules().rates || calls < minimum) return std::nullopt;
  if (reached(window.failed, calls, rules().failure_percent, rules().comparison)) return Event::Cause::kFailureRate;
  bool slow = rules().slow_after > Duration::zero() &&
              reached(window.slow, window.calls(), rules().slow_percent, rules().comparison);
  return slow ? std::optional(Event::Cause::kSlowRate) : std::nullopt;
}

std::optional<Event::Cause> BreakerCore::broken_rule(const WindowCounts& window) const {
  uint64_t row = attention_.load() & ~kShort;
  if (rules().failures_in_a_row > 0 && row >= rules().failures_in_a_row) return Event::Cause::kFailuresInARow;
  return broken_rate(window, rules().minimum_calls);
}

void BreakerCore::judge(TimePoint now) {
  if (now - born_ < rules().warm_up) return;
  WindowCounts window = window_at(now);
  auto cause = broken_rule(window);
  bool is_short = !cause && broken_rate(window, 0).has_value();
  if (is_short != ((attention_.load() & kShort) != 0)) attention_.fetch_xor(kShort);
  // A success that did not see kShort is in the window by now.
  if (is_short) cause = broken_rule(window_at(now));
  if (!cause) return;
  if (state_of(word()) == State::kClosed) return trip(*cause, now);
  if (std::exchange(exceeded_, true)) return;
  pending_.push_back({Event::Kind::kThresholdExceeded, State::kMetricsOnly, State::kMetricsOnly, *cause,
                      transition_count(), word() >> kGenerationShift, now, window_at(now)});
}

void BreakerCore::record_probe(Outcome outcome, bool slow, TimePoint now) {
  TimePoint until = --probes_.out == 0 ? TimePoint::max() : later(now, rules().probe_wait);
  until_ = until.time_since_epoch().count();
  if (outcome == Outcome::kIgnored) {
    ++ignored_;
    return mark_full();
  }
  count_result(outcome, slow);
  bool failed = is_failure(outcome);
  ++(failed ? probes_.failed : probes_.good);
  ++(failed ? probes_failed_ : probes_succeeded_);
  if (slow) ++probes_.slow;
  decide_half_open(now);
}

void BreakerCore::decide_half_open(TimePoint now) {
  auto good = verdict_of_probes();
  if (!good) return mark_full();
  *good ? enter(State::kClosed, Event::Cause::kProbesSucceeded, now) : trip(Event::Cause::kProbeFailed, now);
}

// nullopt: not yet known.
std::optional<bool> BreakerCore::verdict_of_probes() const {
  if (rules().half_open_rule == Options::HalfOpenRule::kRate) {
    if (probes_.done() < rules().probes) return std::nullopt;
    WindowCounts results{probes_.good, probes_.failed, probes_.slow, 0};
    return !broken_rate(results, 0).has_value();
  }
  if (probes_.failed > 0 || probes_.slow > 0) return false;
  return probes_.good >= successes_needed() ? std::optional(true) : std::nullopt;
}

// ---- Options and numbers ----

std::string BreakerCore::change(Options options, TimePoint now) {
  std::string error = check(options);
  if (!error.empty()) return error;
  Lock lock(mutex_);
  now = not_before_state(now);
  if (options.shards != shard_count_) return "shards is fixed at construction";
  auto shape = [](const Options& each) {
    bool timed = each.slow_after > Duration::zero();
    return std::tuple(each.kind, each.window, each.buckets, each.last_calls, timed, each.count_started);
  };
  bool same = shape(options) == shape(rules());
  changed_ = std::make_unique<const Options>(std::move(options));
  slow_after_ = rules().slow_after.count();
  if (!same) shape_window(now);
  State state = state_of(word());
  // What is known of the probes may be enough by the new rules.
  state == State::kHalfOpen ? decide_half_open(now) : set_word(state, word() & kRamping);
  announce(lock);
  return "";
}

Options BreakerCore::options() const {
  Lock lock(mutex_);
  Options options = rules();
  options.name = first_.name;
  options.service = first_.service;
  options.on_event = first_.on_event;
  options.initial = first_.initial;
  options.seed = first_.seed;
  return options;
}

BreakerSnapshot BreakerCore::snapshot(TimePoint now) const {
  Lock lock(mutex_);
  BreakerSnapshot snapshot;
  snapshot.state = state_of(word());
  snapshot.due = due(now);
  snapshot.since = since_;
  snapshot.at = now;
  snapshot.generation = word() >> kGenerationShift;
  snapshot.window = window_at(now);
  snapshot.failures_in_a_row = attention_.load() & ~kShort;
  WindowCounts ended = totals();
  snapshot.succeeded = ended.succeeded;
  snapshot.failed = ended.failed;
  snapshot.slow = ended.slow;
  for (uint32_t i = 0; i < shard_count_; ++i) {
    snapshot.refused += shards_[i].refused_by_owner.load(std::memory_order_relaxed);
    snapshot.refused += shards_[i].refused_by_others.load(std::memory_order_relaxed);
  }
  snapshot.timed_out = timed_out_;
  snapshot.ignored = ignored_;
  snapshot.abandoned = abandoned_;
  snapshot.refused_half_open = refused_half_open_;
  snapshot.probes_succeeded = probes_succeeded_;
  snapshot.probes_failed = probes_failed_;
  snapshot.late = late_;
  snapshot.listener_errors = listener_errors_;
  snapshot.transitions = transitions_;
  return snapshot;
}

}  // namespace ordeal::resilience
