// Metrics: what the policies count, for Prometheus or whoever else collects. It owns none of them.
//
//   Metrics metrics;
//   auto registered = metrics.add(breaker);         // until it is reset() or destroyed, before the breaker is
//   response.body = metrics.write_prometheus();     // Content-Type: text/plain; version=0.0.4
//   metrics.collect([&](const Metrics::Sample& sample) { gauge(sample.name, sample.labels).set(sample.value); });
//
// Policies of one kind and name are summed, also one after the other: a name keeps what it has counted when its policy
// goes, so that no counter ever falls. (So add a policy once in its life.) There are at most `most_names` names of each
// kind; what comes later is summed as name="other", whose state is the worst. Names are for services and dependencies:
// none comes from a URL or a host.
//
// Thread-safe, and calls no listener: an export moves no breaker. One whose open period is over is exported as
// half-open, so that an idle one does not look open for ever; the transition is counted when it happens, at the next
// call.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ordeal/resilience/bulkhead.h"
#include "ordeal/resilience/circuit_breaker.h"
#include "ordeal/resilience/fallback.h"
#include "ordeal/resilience/pool.h"
#include "ordeal/resilience/retry.h"
#include "ordeal/resilience/time_limit.h"

namespace ordeal::resilience {

class Metrics {
 public:
  enum class Type : uint8_t { kCounter, kGauge };
  using Labels = std::vector<std::pair<std::string, std::string>>;
  struct Sample {
    const char* name;
    Type type;
    const char* help;
    Labels labels;
    double value;
  };
  class Registration;

  explicit Metrics(size_t most_names = 100);

  template <Clock C>
  Registration add(CircuitBreaker<C>& breaker);
  template <Clock C, class Sleep>
  Registration add(Retry<C, Sleep>& retry);
  Registration add(Bulkhead& bulkhead);
  template <class F>
  Registration add(Fallback<F>& fallback);
  template <class Connection, Clock C>
  Registration add(Pool<Connection, C>& pool);
  template <Clock C>
  Registration add(const TimeLimit<C>& limit);  // and its copies; any of them may end first

  // By name, then by labels.
  std::vector<Sample> samples() const;
  template <class Visitor>
  void collect(Visitor&& visitor) const {
    for (const Sample& sample : samples()) visitor(sample);
  }
  // The text format 0.0.4.
  std::string write_prometheus() const;

 private:
  enum class Kind : uint8_t { kBreaker, kRetry, kBulkhead, kFallback, kPool, kTimeLimit };
  struct PoolCounts {
    uint64_t leased, idle, limit, leaks, refused;
  };
  class Reading;
  struct Source {
    Kind kind;
    Labels labels;
    std::function<void(Reading&)> read;
  };
  struct Entry;
  struct Registry;
  Registration add(Source source);
  static void put(Reading& reading, const BreakerSnapshot& breaker);
  static void put_transitions(Reading& reading, const BreakerSnapshot& breaker);
  static void put_calls(Reading& reading, const BreakerSnapshot& breaker);
  static void put(Reading& reading, const RetryCounts& counts, uint32_t attempts);
  static void put(Reading& reading, const PoolCounts& pool);
  static void put_fallback(Reading& reading, uint64_t succeeded, uint64_t failed);
  static void put_exceeded(Reading& reading, uint64_t exceeded);

  std::shared_ptr<Registry> registry_;
};

// Move-only. It may outlive the Metrics, but not its policy.
class [[nodiscard]] Metrics::Registration {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept = default;
  Registration& operator=(Registration&& other) noexcept {
    registry_.swap(other.registry_);
    entry_.swap(other.entry_);
    return *this;
  }
  ~Registration() { reset(); }
  // Waits for an export that is reading the policy.
  void reset();

 private:
  friend class Metrics;
  Registration(std::shared_ptr<Registry> registry, std::shared_ptr<Entry> entry)
      : registry_(std::move(registry)), entry_(std::move(entry)) {}
  std::shared_ptr<Registry> registry_;
  std::shared_ptr<Entry> entry_;
};

template <Clock C>
Metrics::Registration Metrics::add(CircuitBreaker<C>& breaker) {
  auto read = [&breaker](Reading& reading) { put(reading, breaker.snapshot()); };
  return add({Kind::kBreaker, {{"name", breaker.name()}, {"service", breaker.service()}}, read});
}

template <Clock C, class Sleep>
Metrics::Registration Metrics::add(Retry<C, Sleep>& retry) {
  auto read = [&retry](Reading& reading) { put(reading, retry.counts(), retry.attempts()); };
  return add({Kind::kRetry, {{"name", retry.name()}}, read});
}

template <class F>
Metrics::Registration Metrics::add(Fallback<F>& fallback) {
  auto read = [&fallback](Reading& reading) { put_fallback(reading, fallback.succeeded(), fallback.failed()); };
  return add({Kind::kFallback, {{"name", fallback.name()}}, read});
}

template <class Connection, Clock C>
Metrics::Registration Metrics::add(Pool<Connection, C>& pool) {
  auto read = [&pool](Reading& reading) {
    put(reading, PoolCounts{pool.leased(), pool.idle(), pool.limit(), pool.leaks().size(), pool.refused()});
  };
  return add({Kind::kPool, {{"name", pool.name()}}, read});
}

template <Clock C>
Metrics::Registration Metrics::add(const TimeLimit<C>& limit) {
  auto read = [exceeded = limit.exceeded()](Reading& reading) { put_exceeded(reading, *exceeded); };
  return add({Kind::kTimeLimit, {{"name", limit.name()}}, read});
}

namespace detail {
// As Prometheus reads it, whatever the locale.
std::string prometheus_number(double value);
}  // namespace detail

}  // namespace ordeal::resilience
