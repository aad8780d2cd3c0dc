#include "fault/guard/shares.h"

#include <algorithm>

namespace ordeal::guard {

Result<> Shares::check(const messages::Share& share, const Victim& victim, const std::vector<Policy>& policies) const {
  int64_t others = std::count_if(hit_.begin(), hit_.end(), [&](const auto& item) {
    return item.second.part == share.part && !same_victim(item.second.victim, victim);
  });
  for (const Policy& policy : policies)
    if (auto rule = cap_broken(policy, {}, others + 1, share.candidates)) return fail(Errc::kRefused, *rule);
  return {};
}

int64_t Shares::counts(const Victim& victim) const {
  bool is_hit =
      std::any_of(hit_.begin(), hit_.end(), [&](const auto& item) { return same_victim(item.second.victim, victim); });
  return is_hit ? 0 : 1;
}

}  // namespace ordeal::guard
