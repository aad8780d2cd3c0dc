// Judge: one expectation's readings over time. It turns an observation into holds, breached, undecided or no_data,
// and says when a breach counts: after `for`, and for missing data by the expectation's own policy. Pure.
//
// A scalar is compared. In a vector every element is compared (unless the condition indexes `result` itself): one
// that violates breaches, and is named. NaN elements are no data for themselves; nothing but NaN is no data.
// A gauge (an expression without a range) without a `for` of its own must violate at two looks in a row, so that one
// odd sample ends no run.
// `no_data: pass` lets a phase go on without data, but a run needs one reading with data to count as held.
// `no_data: hold` is undecided for at most 10 s, then a breach: a dead target must not look healthy.
// Where the data is missing for a lack of Ordeal's own (Observation::own_lack) it is never a breach: it is given up
// after as long, also where it is missing for other reasons in between.
#pragma once

#include <optional>
#include <string>

#include "analysis/trigger_design.h"
#include "base/clock.h"
#include "expr/condition.h"
#include "model/experiment.h"
#include "model/seams.h"
#include "model/verdict.h"

namespace ordeal::analysis {

constexpr Nanos kHoldAtMost = 10s;
constexpr int kGaugeLooks = 2;

struct Judgement {
  Reading reading = Reading::kNoData;
  bool breach = false;          // the reading is breached and has been for the expectation's `for`
  std::optional<double> value;  // the worst element, or the scalar
  std::string series;           // which element
  bool has_data = false;        // there was something to compare
  std::string detail;           // why there is no data, or what was wrong
  Nanos breached_for{0};
  bool given_up = false;  // for kHoldAtMost there was no data, at times for want of something that is not the system's
  std::string lack;       // of what, where it is given up
};

class Judge {
 public:
  // The condition must parse; files are checked when they are loaded.
  static Result<Judge> create(const Expectation& expectation);

  Judgement observe(const Observation& observation, BootTime now);
  // A new phase: what was undecided or breached before it does not count in it.
  void reset();
  const Expectation& expectation() const { return expectation_; }
  const expr::Condition& condition() const { return condition_; }
  const TriggerDesign& design() const { return design_; }

 private:
  Judge(Expectation expectation, expr::Condition condition);
  void reset_breach();
  Judgement compare(const Observation& observation) const;
  Judgement compare_each(const Observation& observation) const;
  Judgement without_data(const std::string& why, const std::string& own_lack, BootTime now);
  void forget_lack();

  Expectation expectation_;
  expr::Condition condition_;
  TriggerDesign design_;
  int looks_needed_ = 1;  // that violate, in a row
  int looks_breached_ = 0;
  std::optional<BootTime> breached_since_;
  std::optional<BootTime> no_data_since_;
  std::string lack_;  // of Ordeal's own, the last one since then
};

}  // namespace ordeal::analysis
