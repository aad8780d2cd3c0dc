// Follow: which pods that have appeared during a run are taken in, where the target says `follow`. A victim that is
// back as somebody else (the same name, another uid or container id) is as new as any other. The same rules hold as at
// the start, and the same caps and gates with all that is hit by now. A percentage is of those that are allowed now;
// what was not drawn at the start is not drawn later. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "fault/target/cluster/gates.h"

namespace ordeal::target {

struct Following {
  std::vector<ClusterPick> held;  // every victim of the run so far, those that are gone included
  std::set<std::string> seen;     // key_of() of all that were ever allowed: begins as ClusterChoice::allowed
};

struct Followed {
  std::vector<ClusterPick> taken;  // pods that are new, to be hit as well
  std::vector<Refusal> left_out;   // new ones, with the rule: not drawn, or a gate
  std::vector<std::string> gone;   // key_of() of the held that no longer run
};

// `state` takes up what was taken and seen. Nothing is taken where the target does not say `follow`.
Result<Followed> follow(const Experiment& experiment, const AttackFacts& facts, const ClusterRules& rules,
                        const cluster::View& view, const ClusterLoad& others, uint64_t seed, Following& state);

}  // namespace ordeal::target
