// Retry: again, later, and not too often.
//
//   Retry retry{{.attempts = 5, .first_delay = 1s}};   // after 1, 2, 4, 8 s, each a random part of it
//
// Three things keep retries from becoming the outage: jitter, a budget over all calls, and that a refusal by a breaker,
// a bulkhead or a pool is not retried unless asked for. A retry that could not begin before the deadline is not waited
// for. Thread-safe; one Retry for all calls to one callee, so that they share the budget.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "ordeal/resilience/pipeline.h"
#include "ordeal/resilience/random.h"
#include "ordeal/resilience/shards.h"

namespace ordeal::resilience {

enum class Jitter : uint8_t {
  kNone,
  kFull,          // between 0 and the delay
  kEqual,         // between half the delay and the delay
  kDecorrelated,  // between first_delay and three times the last delay
};

struct RetryOptions {
  std::string name = "retry";                      // of its metrics
  uint32_t attempts = 5;                           // in all, 1 to 100
  Duration first_delay = std::chrono::seconds(1);  // 0 to 1 day
  double growth = 2;                               // 1 to 10, of each delay to the one before
  // At least first_delay, to 1 day; a callee that asks for more is not retried.
  Duration longest_delay = std::chrono::seconds(30);
  Jitter jitter = Jitter::kFull;
  bool retry_refused = false;  // then not before Refusal::retry_after, however long that is

  // Limits the retries among all attempts: each call earns budget_ratio of a retry, each second
  // budget_per_second of one, each retry costs one; ten seconds' worth are kept, at most. So with every call failing,
  // attempts / calls <= 1 + budget_ratio + budget_per_second / calls per second. Both 0 means no budget.
  double budget_ratio = 0.2;     // 0 to 10; 20 % as Envoy's retry_budget and Finagle's RetryBudget
  double budget_per_second = 3;  // 0 to 1000
  uint64_t seed = 0;             // of the jitter; 0 draws one
};
std::string check(const RetryOptions& options);

// The delay after attempt 1, 2, 3…; `last` is the delay before it (decorrelated), `random` in [0, 1). Formulas:
// Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015. Never overflows.
Duration retry_delay(const RetryOptions& options, uint32_t attempt, Duration last, double random);

// The delays between all the attempts without what is random of them (decorrelated: in the middle of it).
std::vector<Duration> nominal_delays(const RetryOptions& options);

// The tokens of RetryOptions. Thread-safe.
class RetryBudget {
 public:
  RetryBudget(double ratio, double per_second, TimePoint now);
  void earn();                // a call begins
  bool spend(TimePoint now);  // false: no retry
  double tokens() const;      // retries that could be made at once

 private:
  void refill(TimePoint now);
  int64_t ratio_, per_second_, most_;  // in millionths of a retry
  std::atomic<int64_t> tokens_;
  std::atomic<int64_t> refilled_;  // ns
};

struct RetryCounts {
  uint64_t calls = 0, retries = 0;
  uint64_t recovered = 0;  // calls that a retry saved
  uint64_t exhausted = 0;  // calls that failed at every attempt
  uint64_t over_budget = 0;
  std::array<uint64_t, 10> attempts = {};  // the first ones, the second ones…; the last: all from the tenth on
};

struct ThreadSleep {
  void operator()(Duration duration) const { std::this_thread::sleep_for(duration); }
};

template <Clock C = CoarseClock, class Sleep = ThreadSleep>
class Retry {
 public:
  // Options out of range: as CircuitBreaker's constructor.
  explicit Retry(RetryOptions options = {}, C clock = {}, Sleep sleep = {});

  static constexpr PolicyKind kKind = PolicyKind::kRetry;
  const std::string& name() const { return options_.name; }
  uint32_t attempts() const { return options_.attempts; }
  std::vector<Duration> nominal_delays() const { return resilience::nominal_delays(options_); }
  bool retries_refused() const { return options_.retry_refused; }
  std::string describe() const { return "retry (" + std::to_string(options_.attempts) + " attempts)"; }
  RetryCounts counts() const;
  double budget() const { return budget_.tokens(); }
  template <class Classifier>
  Judged<Retry, Classifier> judged_by(Classifier classifier) {
    return {*this, std::move(classifier)};
  }

  template <class R, class Next>
  R run(Call& call, Next&& next) {
    return run_judged<R>(call, next, DefaultClassifier());
  }
  template <class R, class Next, class Classifier>
  R run_judged(Call& call, Next&& next, const Classifier& classifier);

  // The two halves of run(), for callers that wait without blocking: begin() once per call, then after each attempt the
  // delay before the next one, or nullopt when `result` stands.
  void begin();
  template <class R, class Classifier, bool = detail::kExceptions>
  std::optional<Duration> next_delay(const R& result, const Call& call, Duration last, const Classifier& classifier);

 private:
  bool budgeted() const { return options_.budget_ratio > 0 || options_.budget_per_second > 0; }

  const RetryOptions options_;
  [[no_unique_address]] C clock_;
  [[no_unique_address]] Sleep sleep_;
  // Of a budget that is full every call reads, and only failing ones write.
  alignas(64) RetryBudget budget_;
  Random random_;
  detail::ShardedCount calls_;
  std::array<std::atomic<uint64_t>, 9> retries_ = {};  // as RetryCounts::attempts from the second on
  std::atomic<uint64_t> recovered_{0}, exhausted_{0}, over_budget_{0};
};

Retry(RetryOptions)->Retry<CoarseClock, ThreadSleep>;

namespace detail {
inline RetryOptions checked(RetryOptions options) {
  require_valid("retry", check(options));
  return options;
}

template <ResultLike R>
Duration asked_for(const R& result, const std::optional<Error>& own) {
  if (own) return own->refusal.retry_after;
  if constexpr (requires { ErrorTraitsOf<R>::retry_after(ResultTraits<R>::error(result)); }) {
    return ErrorTraitsOf<R>::retry_after(ResultTraits<R>::error(result)).value_or(Duration::zero());
  } else {
    return Duration::zero();
  }
}
}  // namespace detail

template <Clock C, class Sleep>
Retry<C, Sleep>::Retry(RetryOptions options, C clock, Sleep sleep)
    : options_(detail::checked(std::move(options))),
      clock_(std::move(clock)),
      sleep_(std::move(sleep)),
      budget_(options_.budget_ratio, options_.budget_per_second, clock_.now()),
      random_(options_.seed) {}

template <Clock C, class Sleep>
template <class R, class Next, class Classifier>
R Retry<C, Sleep>::run_judged(Call& call, Next&& next, const Classifier& classifier) {
  begin();
  Duration last{0};
  Call mine = call;  // a retry inside of this one counts its own attempts
  for (mine.attempt = 1;; ++mine.attempt) {
    R result = next(mine);
    auto delay = next_delay(result, mine, last, classifier);
    if (!delay) return result;
    sleep_(last = *delay);
  }
}

template <Clock C, class Sleep>
void Retry<C, Sleep>::begin() {
  calls_.add();
  if (budgeted()) budget_.earn();
}

template <Clock C, class Sleep>
template <class R, class Classifier, bool>
std::optional<Duration> Retry<C, Sleep>::next_delay(const R& result, const Call& call, Duration last,
                                                    const Classifier& classifier) {
  Outcome outcome = detail::judge(classifier, result);
  if (outcome == Outcome::kSuccess && ResultTraits<R>::good(result)) {
    if (call.attempt > 1) recovered_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  auto own = own_error(result);
  bool refused = own && own->kind == Error::Kind::kRefused;
  bool worth_it = refused ? options_.retry_refused : outcome == Outcome::kFailure || outcome == Outcome::kTimeout;
  if (!worth_it) return std::nullopt;
  if (call.attempt >= options_.attempts) {
    exhausted_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  Duration delay = retry_delay(options_, call.attempt, last, random_.next());
  Duration asked = detail::asked_for(result, own);
  if (!refused && asked > options_.longest_delay) return std::nullopt;
  // Those told the same time must not all come back at once.
  delay = std::max(delay, options_.jitter == Jitter::kNone ? asked : asked + delay);
  bool limited = call.deadline != TimePoint::max();
  if (later(limited ? exact_time(clock_) : clock_.now(), delay) >= call.deadline) return std::nullopt;
  if (budgeted() && !budget_.spend(clock_.now())) {
    over_budget_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  retries_[std::min<size_t>(call.attempt, retries_.size()) - 1].fetch_add(1, std::memory_order_relaxed);
  return delay;
}

template <Clock C, class Sleep>
RetryCounts Retry<C, Sleep>::counts() const {
  auto read = [](const std::atomic<uint64_t>& count) { return count.load(std::memory_order_relaxed); };
  RetryCounts counts{0, 0, read(recovered_), read(exhausted_), read(over_budget_)};
  std::transform(retries_.begin(), retries_.end(), counts.attempts.begin() + 1, read);
  counts.attempts[0] = counts.calls = calls_.sum();
  counts.retries = std::accumulate(counts.attempts.begin() + 1, counts.attempts.end(), uint64_t{0});
  return counts;
}

}  // namespace ordeal::resilience
