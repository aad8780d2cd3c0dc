#include "prometheus/metrics/registry.h"

#include <algorithm>
#include <cstdlib>

#include "prometheus/metrics/exposition.h"

namespace ordeal::metrics {
namespace {

void add_to(std::atomic<double>& value, double amount) {
  double seen = value.load(std::memory_order_relaxed);
  while (!value.compare_exchange_weak(seen, seen + amount, std::memory_order_relaxed)) {
  }
}

Sample sample_of(const std::string& name, LabelPairs labels, double value) {
  labels.emplace_back("__name__", name);
  std::sort(labels.begin(), labels.end());
  return {std::move(labels), value, std::nullopt};
}

void collect_histogram(const std::string& name, const LabelPairs& labels, const Histogram& histogram, Family& family) {
  std::vector<uint64_t> counts = histogram.cumulative();
  for (size_t i = 0; i < counts.size(); ++i) {
    LabelPairs with_bound = labels;
    with_bound.emplace_back("le", i < histogram.bounds().size() ? number_text(histogram.bounds()[i]) : "+Inf");
    family.samples.push_back(sample_of(name + "_bucket", with_bound, static_cast<double>(counts[i])));
  }
  family.samples.push_back(sample_of(name + "_sum", labels, histogram.sum()));
  family.samples.push_back(sample_of(name + "_count", labels, static_cast<double>(counts.back())));
}

}  // namespace

void Counter::add(double amount) {
  if (amount > 0) add_to(value_, amount);
}

void Gauge::add(double amount) { add_to(value_, amount); }

Histogram::Histogram(std::vector<double> bounds) : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

void Histogram::observe(double value) {
  auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  counts_[static_cast<size_t>(at - bounds_.begin())].fetch_add(1, std::memory_order_relaxed);
  add_to(sum_, value);
}

std::vector<uint64_t> Histogram::cumulative() const {
  std::vector<uint64_t> counts;
  uint64_t total = 0;
  for (const auto& count : counts_) counts.push_back(total += count.load(std::memory_order_relaxed));
  return counts;
}

Registry::Metric& Registry::find_or_create(const std::string& name, const std::string& help, Type type,
                                           LabelPairs labels) {
  std::sort(labels.begin(), labels.end());
  auto [entry, fresh] = entries_.try_emplace(name);
  if (fresh) {
    entry->second.type = type;
    entry->second.help = help;
  }
  if (entry->second.type != type) std::abort();
  return entry->second.metrics[std::move(labels)];
}

Counter& Registry::counter(const std::string& name, const std::string& help, const LabelPairs& labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = find_or_create(name, help, Type::kCounter, labels);
  if (!metric.counter) metric.counter = std::make_unique<Counter>();
  return *metric.counter;
}

Gauge& Registry::gauge(const std::string& name, const std::string& help, const LabelPairs& labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = find_or_create(name, help, Type::kGauge, labels);
  if (!metric.gauge) metric.gauge = std::make_unique<Gauge>();
  return *metric.gauge;
}

Histogram& Registry::histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                               const LabelPairs& labels) {
  std::lock_guard lock(mutex_);
  Metric& metric = find_or_create(name, help, Type::kHistogram, labels);
  if (!metric.histogram) metric.histogram = std::make_unique<Histogram>(bounds);
  if (metric.histogram->bounds() != bounds) std::abort();
  return *metric.histogram;
}

std::vector<Family> Registry::collect() const {
  std::lock_guard lock(mutex_);
  std::vector<Family> families;
  for (const auto& [name, entry] : entries_) {
    Family family{name, entry.type, entry.help, {}};
    for (const auto& [labels, metric] : entry.metrics) {
      if (metric.counter) family.samples.push_back(sample_of(name, labels, metric.counter->value()));
      if (metric.gauge) family.samples.push_back(sample_of(name, labels, metric.gauge->value()));
      if (metric.histogram) collect_histogram(name, labels, *metric.histogram, family);
    }
    families.push_back(std::move(family));
  }
  return families;
}

std::string Registry::exposition() const { return write_exposition(collect()); }

}  // namespace ordeal::metrics
