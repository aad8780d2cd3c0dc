// Registry: the program's own metrics. Counters, gauges and histograms may be changed by any thread; references stay
// valid as long as the registry. A metric is made on first use: asking again gives the same one.
// The rule: a name has one type (and a histogram one set of bounds); asking for it as another is a bug and aborts.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "prometheus/metrics/sample.h"

namespace ordeal::metrics {

class Counter {
 public:
  // amount >= 0.
  void add(double amount = 1);
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

class Gauge {
 public:
  void set(double value) { value_.store(value, std::memory_order_relaxed); }
  void add(double amount);
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Buckets with fixed upper bounds; +Inf is implied. A reader may see an observation in a bucket before it is in the
// sum.
class Histogram {
 public:
  explicit Histogram(std::vector<double> bounds);

  void observe(double value);
  const std::vector<double>& bounds() const { return bounds_; }
  // As exposed: cumulative, one for each bound and the last for +Inf.
  std::vector<uint64_t> cumulative() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  std::vector<double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<double> sum_{0};
};

class Registry {
 public:
  Counter& counter(const std::string& name, const std::string& help, const LabelPairs& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const LabelPairs& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                       const LabelPairs& labels = {});

  // Families by name, samples in the order of their labels.
  std::vector<Family> collect() const;
  // The body of /metrics, text format 0.0.4.
  std::string exposition() const;

 private:
  struct Metric {
    std::unique_ptr<Counter> counter;
    std::unique_ptr<Gauge> gauge;
    std::unique_ptr<Histogram> histogram;
  };
  struct Entry {
    Type type = Type::kUnknown;
    std::string help;
    std::map<LabelPairs, Metric> metrics;
  };

  Metric& find_or_create(const std::string& name, const std::string& help, Type type, LabelPairs labels);

  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

}  // namespace ordeal::metrics
