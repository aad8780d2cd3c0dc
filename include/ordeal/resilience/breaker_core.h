// The circuit breaker without a clock: every call brings its time. Use circuit_breaker.h.
//
// The state, its generation and whatever makes an admission need more than a look are one word, written under a lock
// and read without. Calls are counted in shards, one cache line each, that only ever grow; the window is the difference
// to what they were when its oldest bucket began. So a call through a closed breaker writes no shared line, nothing is
// swept, and a total can be exported as a counter.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "ordeal/resilience/breaker_options.h"
#include "ordeal/resilience/random.h"
#include "ordeal/resilience/shards.h"

namespace ordeal::resilience {

struct TransitionCount {
  State from, to;
  uint64_t count;
};

// Since construction, but for `window` and `failures_in_a_row`.
struct BreakerSnapshot {
  State state = State::kClosed;
  State due = State::kClosed;  // what the next admission finds: another one when the state's period is over
  TimePoint since;             // when the state began
  TimePoint at;                // when this was taken
  uint64_t generation = 0;
  WindowCounts window;
  uint64_t failures_in_a_row = 0;
  uint64_t succeeded = 0, failed = 0, timed_out = 0, ignored = 0;  // failed includes timed_out
  uint64_t slow = 0;
  uint64_t abandoned = 0;                            // permits dropped without a report; as options say, also failed
  uint64_t refused = 0, refused_half_open = 0;       // the second by a half-open or ramping breaker
  uint64_t probes_succeeded = 0, probes_failed = 0;  // of half-open states
  uint64_t late = 0;                                 // reports after their state had ended: they change nothing
  uint64_t listener_errors = 0;
  std::vector<TransitionCount> transitions;
};

namespace detail {

struct alignas(64) Shard {
  std::atomic<uint64_t> succeeded{0}, failed{0}, slow{0}, started{0};
  std::atomic<uint64_t> refused_by_owner{0}, refused_by_others{0};
  std::atomic<uint32_t> owner{0};  // the first thread that was refused here

  // A locked addition would be most of what a refusal costs; a count that one thread alone writes needs none.
  void add_refused() {
    uint32_t self = thread_number(), first = owner.load(std::memory_order_relaxed);
    if (first != self && (first != 0 || !owner.compare_exchange_strong(first, self))) return add(refused_by_others);
    refused_by_owner.store(refused_by_owner.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
};

}  // namespace detail

struct Admission {
  bool admitted = false;
  uint64_t generation = 0;
  Refusal refusal;
};

class BreakerCore {
 public:
  // `options` have passed check().
  BreakerCore(CircuitBreakerOptions options, TimePoint now);
  BreakerCore(const BreakerCore&) = delete;
  BreakerCore& operator=(const BreakerCore&) = delete;

  // The low bits: the state, then what makes a call need more than a look.
  static constexpr uint64_t kStateBits = 7, kFull = 8, kRamping = 16, kTimed = 32, kExact = 64, kCounted = 128;
  static constexpr uint64_t kFlagBits = 255;
  static constexpr int kGenerationShift = 8;
  // Of a permit from before slow calls counted.
  static constexpr TimePoint kNoStart = TimePoint::min();
  uint64_t word() const { return word_.load(std::memory_order_acquire); }
  static State state_of(uint64_t word) { return static_cast<State>(word & kStateBits); }

  Admission admit(TimePoint now);
  // A result counts when it is reported, which is `now`; `ended`, by the caller's clock, says whether it was slow.
  void record(uint64_t generation, Outcome outcome, TimePoint started, TimePoint ended, TimePoint now);
  void abandon(uint64_t generation, TimePoint started, TimePoint now);

  // A closed breaker, nothing special, not slow, and the bucket has not ended: one addition. `now` is a function, as it
  // is seldom needed.
  template <class Now>
  bool record_success_fast(uint64_t generation, TimePoint started, TimePoint ended, Now now) {
    uint64_t word = this->word();
    if ((word & ~kTimed) != generation << kGenerationShift) return false;
    if (bucket_has_ended(ended)) return false;
    if ((word & kTimed) && is_slow(started, ended)) return false;
    if (count_success()) notice_success(generation, now());
    return true;
  }

  // An open breaker whose period has not ended: one addition, and what is left of it. 0: ask admit().
  Duration refuse_fast(uint64_t word, TimePoint now) const {
    TimePoint until{Duration(until_.load(std::memory_order_relaxed))};
    if (state_of(word) != State::kOpen || until <= now || until == TimePoint::max()) return Duration::zero();
    shard().add_refused();
    return until - now;
  }

  bool move(State to, TimePoint now, std::optional<TimePoint> until);
  void reset(TimePoint now);
  void poll(TimePoint now);
  Duration retry_after(TimePoint now) const;
  BreakerSnapshot snapshot(TimePoint now) const;
  std::string change(CircuitBreakerOptions options, TimePoint now);
  CircuitBreakerOptions options() const;
  const std::string& name() const { return first_.name; }
  const std::string& service() const { return first_.service; }

 private:
  using Lock = std::unique_lock<std::mutex>;
  // The last so many calls, one by one.
  struct Ring {
    std::vector<uint8_t> calls;  // 0 none yet, else kCompleted and its findings
    size_t next = 0;
    WindowCounts sum;
    void add(bool failed, bool slow);
  };
  static constexpr uint64_t kShort = uint64_t(1) << 63;  // in attention_: the rate is reached, the minimum is not

  detail::Shard& shard() const { return shards_[detail::thread_number() & (shard_count_ - 1)]; }
  bool is_slow(TimePoint started, TimePoint now) const {
    int64_t slow_after = slow_after_.load(std::memory_order_relaxed);
    return slow_after > 0 && started != kNoStart && (now - started).count() >= slow_after;
  }
  bool bucket_has_ended(TimePoint now) const {
    return now.time_since_epoch().count() >= bucket_end_.load(std::memory_order_relaxed);
  }
  // Sequentially consistent, as judge()'s looks at both: either it counts this success, or the success sees kShort.
  bool count_success() {
    shard().succeeded.fetch_add(1);
    return attention_.load() != 0;
  }
  void notice_success(uint64_t generation, TimePoint now);
  Admission refuse(uint64_t word, TimePoint now) const;
  void announce(Lock& lock);

  // All below under the lock, and with a time that is not before the state.
  const CircuitBreakerOptions& rules() const { return changed_ ? *changed_ : first_; }
  // Callers' clocks differ by a tick, or one brings the time at which its call began: nothing happens before its state.
  TimePoint not_before_state(TimePoint now) const { return std::max(now, since_); }
  WindowCounts totals() const;
  // Both also before the clock's epoch, where the buckets of a young host's window lie.
  int64_t bucket_of(TimePoint now) const {
    int64_t nanos = now.time_since_epoch().count();
    return nanos / bucket_length_ - (nanos % bucket_length_ < 0);
  }
  uint64_t* start_of(int64_t bucket) {
    int64_t count = bucket_count_, place = (bucket % count + count) % count;
    return &starts_[static_cast<size_t>(place) * columns_];
  }
  WindowCounts window_at(TimePoint now) const;
  void rotate(TimePoint now);
  void clear_window(TimePoint now);
  void shape_window(TimePoint now);
  void set_word(State state, uint64_t flags, uint64_t generations = 0);  // later than the present one
  uint64_t transition_count() const;
  void enter(State to, Event::Cause cause, TimePoint now, TimePoint until = TimePoint::max());
  void trip(Event::Cause cause, TimePoint now);
  State due(TimePoint now) const;
  void settle(TimePoint now);
  Admission admit_locked(TimePoint now);
  bool admit_probe(TimePoint now);
  bool admit_ramping(TimePoint now);
  void record_locked(Outcome outcome, bool slow, TimePoint now);
  void count_result(Outcome outcome, bool slow);
  void judge(TimePoint now);
  std::optional<Event::Cause> broken_rate(const WindowCounts& window, uint64_t minimum) const;
  std::optional<Event::Cause> broken_rule(const WindowCounts& window) const;
  void record_probe(Outcome outcome, bool slow, TimePoint now);
  std::optional<bool> verdict_of_probes() const;
  void decide_half_open(TimePoint now);
  uint32_t successes_needed() const;
  void mark_full();
  Duration next_open_period();

  // Read by every call, written at transitions and once a bucket.
  alignas(64) std::atomic<uint64_t> word_{0};
  std::atomic<int64_t> bucket_end_{0};
  std::atomic<int64_t> until_{0};  // open: when it ends; half-open: when the probes that are out are given up
  std::atomic<int64_t> slow_after_{0};
  std::atomic<uint64_t> attention_{0};  // failures in a row, and kShort
  std::unique_ptr<detail::Shard[]> shards_;
  uint32_t shard_count_;

  alignas(64) mutable std::mutex mutex_;  // a failure's lock leaves the line above to its readers
  const CircuitBreakerOptions first_;     // names and listener are always these
  std::unique_ptr<const CircuitBreakerOptions> changed_;
  std::unique_ptr<uint64_t[]> starts_;  // totals when each live bucket began, by bucket number modulo their count
  uint32_t columns_ = 2;                // of starts_: succeeded, failed, then slow and started where they are used
  uint32_t bucket_count_ = 1;
  int64_t bucket_ = 0;  // number of the newest
  int64_t bucket_length_ = 1;
  std::unique_ptr<Ring> ring_;
  TimePoint since_, born_;
  struct {
    uint16_t out = 0, good = 0, failed = 0, slow = 0;  // at most 1000, by the options
    uint32_t done() const { return uint32_t{good} + failed; }
  } probes_;                                           // of this half-open state
  uint32_t probes_succeeded_ = 0, probes_failed_ = 0;  // 64 bits would cost a cache line more
  uint32_t openings_ = 0;                              // without a closing
  bool exceeded_ = false;
  Random random_;
  uint64_t timed_out_ = 0, ignored_ = 0, abandoned_ = 0;
  mutable std::atomic<uint64_t> late_{0}, refused_half_open_{0}, listener_errors_{0};
  std::vector<TransitionCount> transitions_;
  std::vector<Event> pending_;  // made under the lock, announced after it
};

}  // namespace ordeal::resilience
