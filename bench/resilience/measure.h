// The price of a call, in bursts of some milliseconds. A burst counts only if the machine was ours for it; of two
// threads, only if both ran at once: otherwise a contended line looks free.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ordeal/resilience/time.h"

namespace ordeal::bench {

using resilience::TimePoint;

// At most `factor` times the median of the case `of`; ns where that is "".
struct Bar {
  double factor = 0;
  std::string of = {};
};

struct Case {
  std::string key, title;
  int threads = 1;
  Bar bar = {};
  bool allocates = false;  // allowed to
  bool blocks = false;     // its threads sleep for each other
  uint64_t calls = 0;      // a thread and burst; 0 finds how many a burst needs
  std::function<void()> prepare = {};
  std::function<void(TimePoint now, uint64_t calls)> run = {};
};

struct Burst {
  double ns = 0;  // a call, in each thread
  double allocations = 0;
};

// nullopt: another program had a processor.
std::optional<Burst> one_burst(Case& measured);

struct Row {
  std::vector<double> ns;
  double allocations = 0;
  int attempts = 0;
  double min() const;
  double median() const;
};

// Adds one burst to `row`, if one of so many attempts counts.
bool add_burst(Case& measured, Row& row, int attempts);

// A second thread that is always the same one, so that it keeps its shard.
void in_both_threads(const std::function<void(int thread)>& work);

}  // namespace ordeal::bench
