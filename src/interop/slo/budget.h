// The error budget of an objective: what of it is left, how fast it burns, and what a run may cost at worst.
//
//   allowed   = (1 - target) * total              bad events (or slices) that the whole period may have
//   remaining = 1 - bad / allowed                 below 0 when the budget is overspent
//   burn rate = bad share of a short window / (1 - target)         1 spends the budget exactly within the period
//   worst case of a run, as a share of allowed:
//     of events            rate * duration * blast          all that reach the victims fail, to the end
//     of slices or points  ceil(duration / unit) + 1        one victim is enough to spoil each that the run touches
//
// Sources: OpenSLO v1 (Occurrences, Timeslices); The Site Reliability Workbook, ch. 5 (burn rates). Pure: the queries
// are asked by others. A calendar window is projected: its total so far, scaled to the whole period.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interop/slo/openslo.h"

namespace ordeal::slo {

// Of a window, in PromQL, each one number.
struct BudgetQueries {
  std::string bad, total;
};

// From the begin of the window to now: the whole of a rolling one, a part of a calendar one.
struct Span {
  Nanos elapsed{0};
  Nanos period{0};
};
Span span_of(const TimeWindow& window, Nanos now_since_epoch);

// Bad and all events, or slices, of the last `length`. Points and slices in which nothing was measured are neither bad
// nor counted. `bad` gives nothing where its metric has no series at all.
BudgetQueries queries_of(const Slo& slo, const Objective& objective, Nanos length);
// When the data of the last `length` begin, in seconds since the Unix epoch, as the source tells it: to within a
// history_step() and the five minutes in which Prometheus sees a last sample.
std::string history_query(const Slo& slo, Nanos length);
// How much of it is missing at the begin; nothing where it is all there, as far as can be told.
std::optional<Nanos> missing_history(Nanos length, double first_seconds, Nanos now_since_epoch);
// The length of a slice, or of a point (a minute) of what is no counter; nullopt where events are counted.
std::optional<Nanos> unit_of(const Slo& slo, const Objective& objective);
// Events a second over the last five minutes: what an attack can spoil. Only where events are counted.
std::string rate_query(const Slo& slo);

struct Budget {
  double target = 0;
  Nanos period{0};
  double bad = 0;
  double total = 0;  // of the whole period
  double allowed() const { return (1 - target) * total; }
  double remaining() const { return 1 - bad / allowed(); }
};
// `bad` and `total` as seen in the span; none is a query without an answer, or NaN. Fails when there was no event at
// all (without traffic no budget is known), and when nothing tells which of them were bad.
Result<Budget> make_budget(const Objective& objective, const Span& span, std::optional<double> bad,
                           std::optional<double> total);

struct Burn {
  Nanos window{0};
  double rate = 0;
};
// Until the budget is gone at this rate; nullopt when that is longer than its period.
std::optional<Nanos> time_to_exhaustion(const Budget& budget, double burn_rate);

// The windows for which burn rates are shown: 5m, 1h, 6h, 3d.
const std::vector<Nanos>& burn_windows();

struct Cost {
  Nanos duration{0};          // of the attack, with what it takes to end it
  double blast = 1;           // share of the victims in all candidates, 0 to 1
  double rate = 0;            // events a second
  std::optional<Nanos> unit;  // as of unit_of()
  // As a share of the budget.
  double of(const Budget& budget) const;
};

}  // namespace ordeal::slo
