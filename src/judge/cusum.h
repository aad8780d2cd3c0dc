// CusumBank: notices that more than an allowed share of events is bad, from counts that come tick by tick. A bank of
// one-sided CUSUM tests (Page 1954), each tuned to one share d above the allowed share t:
//
//   S := max(0, max(S, s) + [e ln(d/t) + (n - e) ln((1-d)/(1-t))] / phi)    n events in the tick, e of them bad
//
// and an alarm when any S >= h = ln(W / alpha) + ln(designs * groups). s >= 0 is the head start of the tick (Lucas and
// Crosier 1982), and W the sum of e^s over all ticks: N without one. At a true share of t or less, e^S is bounded by a
// submartingale of mean W at the last tick, so by Doob's inequality a false alarm has a probability of at most alpha. A
// head start in the first ticks of an attack, where what it breaks mostly breaks, so only moves a part of alpha there.
// Two things only lower S, and keep the bound:
//   phi     the over-dispersion of the baseline, at least 1: events that come in bursts are weaker evidence;
//   a cap   within kBurst of time at most kMostOfABurst of the way from s to h is added, so that a shorter burst,
//           however bad, is no alarm by itself. A look that is longer than kBurst (a Prometheus that scrapes slowly)
//           is not capped.
// Pure; events are assumed independent at a dispersion of phi.
#pragma once

#include <vector>

#include "core/base/clock.h"

namespace ordeal::judge {

// Of false alarms in one attack, for each expectation.
constexpr double kFalseAlarms = 1e-3;

constexpr Nanos kBurst = 500ms;
constexpr double kMostOfABurst = 0.75;

// The shares that a bank is tuned to: 2, 5 and 12 times `allowed`, at most 0.6 (or, where that is no share above
// `allowed`, parts of the way to 1). Each once, ascending.
std::vector<double> designs_for(double allowed);

// h for `ticks` looks without a head start, and `tests` sums that each may raise an alarm.
double alarm_bound(int64_t ticks, size_t tests, double false_alarms = kFalseAlarms);

struct CusumAlarm {
  double bad = 0;  // of the events since the sum that raises it was last 0
  double total = 0;
  BootTime since{};
};

class CusumBank {
 public:
  // 0 < allowed < 1, dispersion >= 1.
  CusumBank(double allowed, double dispersion);

  // The events of a tick from `from` to `to`: 0 <= bad <= total. `bound` is h, `start` is s. True while an alarm
  // stands: reset() ends it.
  bool add(double bad, double total, double bound, BootTime from, BootTime to, double start = 0);
  void reset();
  // The greatest sum.
  double statistic() const;
  // Of the sum that is greatest.
  const CusumAlarm& evidence() const;

 private:
  struct Test {
    double per_bad, per_good;  // what one event adds
    double sum = 0;
    CusumAlarm since_zero;
    BootTime burst{};  // when the present kBurst began
    double added = 0;  // within it
    double most = 0;   // that may be added within it
  };
  static double capped(Test& test, double step, double bound, BootTime from, BootTime to, double start);
  const Test& greatest() const;

  std::vector<Test> tests_;
};

}  // namespace ordeal::judge
