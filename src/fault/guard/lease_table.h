// LeaseTable: which impacts are in force and until when. Pure arithmetic on BootTime: the guard asks it what is due,
// and the simulation runs the same code. An impact ends at its length or when the lease runs out, whichever is first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace ordeal::guard {

class LeaseTable {
 public:
  enum class Why { kLength, kLease };
  struct Due {
    int impact;
    Why why;
  };

  explicit LeaseTable(Nanos lease) : lease_(lease) {}

  // The first impact starts the lease; a later one does not extend it.
  void applied(int impact, BootTime now, Nanos length);
  // It is not in force yet: only the lease ends it.
  void awaited(int impact, BootTime now);
  void ended(int impact) { ends_.erase(impact); }
  // Moves the lease to now + its length; never backwards.
  void renew(BootTime now);

  std::vector<Due> due(BootTime now) const;
  // When something will be due; nothing without impacts.
  std::optional<BootTime> next() const;
  bool empty() const { return ends_.empty(); }

 private:
  Nanos lease_;
  BootTime lease_until_{};
  std::map<int, BootTime> ends_;
};

}  // namespace ordeal::guard
