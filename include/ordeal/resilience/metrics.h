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
// Thread-safe. An export moves a breaker whose open period has passed, so that an idle one does not look open for ever;
// its listener is called then, with no lock of Metrics that another export or add() waits for.
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
  Registration add(Retry<C, Sleep>& retry, Labels labels);  // {{"name", "stripe"}}
  Registration add(Bulkhead& bulkhead);
  template <class F>
  Registration add(Fallback<F>& fallback, std::string name);
  template <class Connection, Clock C>
  Registration add(Pool<Connection, C>& pool);

  // By name, then by labels.
  std::vector<Sample> samples() const;
  template <class Visitor>
  void collect(Visitor&& visitor) const {
    for (const Sample& sample : samples()) visitor(sample);
  }
  // The text format 0.0.4.
  std::string write_prometheus() const;

 private:
  enum class Kind : uint8_t { kBreaker, kRetry, kBulkhead, kFallback, kPool };
  struct PoolCounts {
    uint64_t leased, idle, limit, leaks, refused;
  };
  class Reading;
  struct Source {
    Kind kind;
    Labels labels;
    std::function<void(Reading&)> read;
    std::function<void()> poll = {};
  };
  struct Entry;
  struct Registry;
  Registration add(Source source);
  static void put(Reading& reading, const BreakerSnapshot& breaker);
  static void put_transitions(Reading& reading, const BreakerSnapshot& breaker);
  static void put_calls(Reading& reading, const BreakerSnapshot& breaker);
  static void put(Reading& reading, const RetryCounts& counts);
  static void put(Reading& reading, const PoolCounts& pool);
  static void put_fallback(Reading& reading, uint64_t succeeded, uint64_t failed);

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
  return add({Kind::kBreaker,
              {{"service", breaker.service()}, {"name", breaker.name()}},
              [&breaker](Reading& reading) { put(reading, breaker.snapshot()); },
              [&breaker] { breaker.poll(); }});
}

template <Clock C, class Sleep>
Metrics::Registration Metrics::add(Retry<C, Sleep>& retry, Labels labels) {
  return add({Kind::kRetry, std::move(labels), [&retry](Reading& reading) { put(reading, retry.counts()); }});
}

template <class F>
Metrics::Registration Metrics::add(Fallback<F>& fallback, std::string name) {
  auto read = [&fallback](Reading& reading) { put_fallback(reading, fallback.succeeded(), fallback.failed()); };
  return add({Kind::kFallback, {{"name", std::move(name)}}, read});
}

template <class Connection, Clock C>
Metrics::Registration Metrics::add(Pool<Connection, C>& pool) {
  auto read = [&pool](Reading& reading) {
    put(reading, PoolCounts{pool.leased(), pool.idle(), pool.limit(), pool.leaks().size(), pool.refused()});
  };
  return add({Kind::kPool, {{"name", pool.name()}}, read});
}

}  // namespace ordeal::resilience
