// Select: from a Target to the exact victims. First every candidate that the target describes, then the rules
// (policies, and what is always protected), then the choice of how many. The same seed chooses the same victims from
// the same candidates. A percentage is of the candidates that the rules allow, rounded down. Nothing is ever replaced
// by something else: what is missing, forbidden by name or rounds to nothing is an error.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/input/policy.h"
#include "fault/target/candidates.h"
#include "fault/target/snapshot.h"

namespace ordeal::target {

struct Selection {
  int64_t candidates = 0;  // that the target describes, those refused included
  std::vector<Victim> chosen;
  std::vector<Refusal> refused;
  std::vector<std::string> notes;
  std::vector<std::string> names;  // of all candidates, with their kinds: what several selections have in common
};

// Every candidate, before it is chosen how many: those that the rules allow, and the others.
struct Judged {
  std::vector<Victim> allowed;
  std::vector<Refusal> refused;
  std::vector<std::string> notes;
};
Result<Judged> judge_candidates(const Target& target, const Inventory& inventory, const Snapshot& snapshot,
                                const std::vector<Policy>& policies);

// kNotInjected: nothing matches, or fewer than asked. kRefused: the rules leave nothing, or forbid a victim that is
// named; the selector is empty; the percentage rounds down to nothing. kNotFound: a cluster or an inventory is needed.
// Every policy must allow a victim.
Result<Selection> select(const Target& target, const Inventory& inventory, const Snapshot& snapshot,
                         const std::vector<Policy>& policies, uint64_t seed);
// On this host as it is now.
Result<Selection> select(const Target& target, const Inventory& inventory, const std::vector<Policy>& policies,
                         uint64_t seed);

}  // namespace ordeal::target
