#include "ordeal/resilience/retry.h"

#include <cmath>

#include "../range_check.h"

namespace ordeal::resilience {

namespace {

constexpr double kMillion = 1e6;
constexpr double kSecondsKept = 10;
constexpr double kMostGrowth = 1e18;        // makes more than a day of a nanosecond
constexpr int64_t kRefillStep = 1'000'000;  // ns; in smaller ones, what is rounded off would add up

// delay * growth^(attempt - 1), capped.
double exponential(const RetryOptions& options, uint32_t attempt) {
  double factor = std::min(std::pow(options.growth, attempt - 1.0), kMostGrowth);
  double nanos = static_cast<double>(options.first_delay.count()) * factor;
  return std::min(nanos, static_cast<double>(options.longest_delay.count()));
}

}  // namespace

std::string check(const RetryOptions& options) {
  constexpr Duration kDay = std::chrono::hours(24);
  return RangeCheck()
      .within("attempts", options.attempts, 1, 100, "between 1 and 100")
      .within("first_delay", options.first_delay, Duration::zero(), kDay, "between 0 and 1 day")
      .within("growth", options.growth, 1, 10, "between 1 and 10")
      .within("longest_delay", options.longest_delay, options.first_delay, kDay, "between first_delay and 1 day")
      .within("budget_ratio", options.budget_ratio, 0, 10, "between 0 and 10")
      .within("budget_per_second", options.budget_per_second, 0, 1000, "between 0 and 1000")
      .error();
}

Duration retry_delay(const RetryOptions& options, uint32_t attempt, Duration last, double random) {
  double whole = exponential(options, attempt), first = static_cast<double>(options.first_delay.count());
  double most = static_cast<double>(options.longest_delay.count());
  double nanos = whole;
  switch (options.jitter) {
    case Jitter::kNone:
      break;
    case Jitter::kFull:
      nanos = whole * random;
      break;
    case Jitter::kEqual:
      nanos = whole * (0.5 + random / 2);
      break;
    case Jitter::kDecorrelated: {
      double widest = std::max(first, 3 * static_cast<double>(last.count()));
      nanos = std::min(first + random * (widest - first), most);
      break;
    }
  }
  return Duration(static_cast<int64_t>(nanos));
}

std::vector<Duration> nominal_delays(const RetryOptions& options) {
  RetryOptions plain = options;
  if (plain.jitter != Jitter::kDecorrelated) plain.jitter = Jitter::kNone;
  std::vector<Duration> delays;
  Duration last{0};
  for (uint32_t attempt = 1; attempt < plain.attempts; ++attempt) {
    last = retry_delay(plain, attempt, last, 0.5);
    delays.push_back(last);
  }
  return delays;
}

RetryBudget::RetryBudget(double ratio, double per_second, TimePoint now)
    : ratio_(static_cast<int64_t>(std::ceil(ratio * kMillion))),
      per_second_(static_cast<int64_t>(per_second * kMillion)),
      // Without a flow of its own it must still be able to hold one retry, and what a hundred calls earn.
      most_(static_cast<int64_t>(std::max(per_second * kSecondsKept, std::max(1.0, ratio * 100)) * kMillion)),
      tokens_(static_cast<int64_t>(per_second * kMillion)),
      refilled_(now.time_since_epoch().count()) {}

void RetryBudget::earn() {
  int64_t before = tokens_.load(std::memory_order_relaxed);
  while (before < most_ && !tokens_.compare_exchange_weak(before, std::min(most_, before + ratio_))) {
  }
}

void RetryBudget::refill(TimePoint now) {
  int64_t nanos = now.time_since_epoch().count(), before = refilled_.load();
  if (per_second_ == 0 || nanos - before < kRefillStep || !refilled_.compare_exchange_strong(before, nanos)) return;
  double seconds = std::min(static_cast<double>(nanos - before) * 1e-9, kSecondsKept);
  auto earned = static_cast<int64_t>(seconds * static_cast<double>(per_second_));
  int64_t tokens = tokens_.load();
  while (!tokens_.compare_exchange_weak(tokens, std::min(most_, tokens + earned))) {
  }
}

bool RetryBudget::spend(TimePoint now) {
  refill(now);
  int64_t before = tokens_.load();
  while (before >= static_cast<int64_t>(kMillion)) {
    if (tokens_.compare_exchange_weak(before, before - static_cast<int64_t>(kMillion))) return true;
  }
  return false;
}

double RetryBudget::tokens() const { return static_cast<double>(tokens_.load()) / kMillion; }

}  // namespace ordeal::resilience
