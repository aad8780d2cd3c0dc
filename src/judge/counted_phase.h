// CountedPhase: what the series behind an expectation counted within one phase, as a whole. Where a query's window is
// longer than the phase it says for the phase itself what the query cannot; and it knows what no rate() can see, the
// first events of a series that did not exist before. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/model/seams.h"

namespace ordeal::judge {

struct CountedShare {
  std::string group;
  double bad = 0, total = 0;
  double share() const { return total > 0 ? bad / total : 0; }
};

class CountedPhase {
 public:
  // A look before the phase: what comes after the last of them is counted against the hypothesis.
  void before(const Counts& counts);
  // A look within it. `inside`: every counter was read within the phase; what comes after the first such look is
  // counted for the hypothesis. Counts with a trouble count for nothing.
  void add(const Counts& counts, bool inside);
  // Counts for the hypothesis anew, from the next look inside.
  void restart() { first_.reset(); }

  // Events were counted between two looks inside, and of no group were more than `allowed` bad.
  bool supports(double allowed) const;
  // The group with the greatest share that is more than `allowed` by more than chance: the Chernoff bound
  // exp(-n KL(share || allowed) / dispersion) is at most kFalseAlarms.
  std::optional<CountedShare> contradiction(double allowed, double dispersion) const;
  // Of all looks inside, the group with the greatest share; nothing without an event.
  std::optional<CountedShare> inside() const;

 private:
  using Groups = std::map<std::string, Counts::Group>;
  static Groups groups_of(const Counts& counts);
  std::map<std::string, CountedShare> since(const Groups& base) const;

  Groups base_, last_;
  std::optional<Groups> first_;  // inside
};

}  // namespace ordeal::judge
