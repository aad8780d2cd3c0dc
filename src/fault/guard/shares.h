// Shares: whom each attack of a run hits. The caps hold for each attack's own share of its own candidates, as they do
// for all attacks together.
#pragma once

#include <map>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/policy.h"
#include "core/model/victim.h"
#include "fault/guard/link/messages.h"

namespace ordeal::guard {

class Shares {
 public:
  // Whether the caps allow this victim beside those that the same attack hits.
  Result<> check(const messages::Share& share, const Victim& victim, const std::vector<Policy>& policies) const;
  void add(int impact, const messages::Share& share, const Victim& victim) { hit_[impact] = {share.part, victim}; }
  void remove(int impact) { hit_.erase(impact); }
  // What another one on this victim adds to the caps of all attacks, and what ending it gives back: 1, or 0 while there
  // is an impact on it, be it one that could not be reverted.
  int64_t counts(const Victim& victim) const;

 private:
  struct HitVictim {
    int part = 0;
    Victim victim;
  };
  std::map<int, HitVictim> hit_;  // by impact
};

}  // namespace ordeal::guard
