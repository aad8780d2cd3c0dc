#include "core/model/cluster/condition.h"

#include <algorithm>
#include <array>

namespace ordeal::cluster {

const char* to_text(Truth truth) {
  constexpr std::array kTexts{"True", "False", "Unknown"};
  return kTexts[static_cast<size_t>(truth)];
}

namespace {

// "2026-11-23T20:15:04Z", as Kubernetes writes times.
std::string in_seconds(Nanos wall) {
  std::string text = rfc3339(std::chrono::floor<seconds>(wall));
  return text.substr(0, text.find('.')) + "Z";
}

}  // namespace

void set_condition(std::vector<Condition>& conditions, Condition condition, Nanos wall) {
  auto old = std::find_if(conditions.begin(), conditions.end(), [&](auto& c) { return c.type == condition.type; });
  bool same = old != conditions.end() && old->status == condition.status;
  condition.since = same ? old->since : in_seconds(wall);
  if (old == conditions.end()) {
    conditions.push_back(std::move(condition));
  } else {
    *old = std::move(condition);
  }
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  auto found = std::find_if(conditions.begin(), conditions.end(), [&](auto& c) { return c.type == type; });
  return found == conditions.end() ? nullptr : &*found;
}

}  // namespace ordeal::cluster
