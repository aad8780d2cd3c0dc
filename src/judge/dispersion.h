// How much more counts scatter than independent events would: Pearson's chi-square over its degrees of freedom
// (McCullagh & Nelder 1989, §4.5 and §6.2.3). 1 is independent; bursts and retries give more. Pure, in constant memory:
// both sums of squares are expanded, so that p and r need not be known before the last observation.
#pragma once

#include <cstddef>

namespace ordeal::judge {

// Fewer observations say nothing: value() is then 1.
constexpr size_t kLeastObservations = 5;

// Of bad events among all: sum of (e - n p)^2 / (n p (1 - p)) / (K - 1), with p over all observations.
class BinomialDispersion {
 public:
  void add(double bad, double total);
  // At least 1.
  double value() const;

 private:
  size_t observations_ = 0;
  double bad_ = 0, total_ = 0;
  double squares_ = 0;  // sum of e^2 / n
};

// Of events in time: sum of (n - r s)^2 / (r s) / (K - 1), with the rate r over all observations.
class PoissonDispersion {
 public:
  // seconds > 0
  void add(double events, double seconds);
  double value() const;
  // Events a second; 0 without observations.
  double rate() const { return seconds_ > 0 ? events_ / seconds_ : 0; }
  double events() const { return events_; }
  // In seconds.
  double longest() const { return longest_; }

 private:
  size_t observations_ = 0;
  double events_ = 0, seconds_ = 0, longest_ = 0;
  double squares_ = 0;  // sum of n^2 / s
};

}  // namespace ordeal::judge
