// Condition: one of the conditions of a resource's status, as `kubectl wait --for=condition=…` reads them.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/json/fields.h"

namespace ordeal::cluster {

enum class Truth { kTrue, kFalse, kUnknown };
const char* to_text(Truth truth);  // "True", "False", "Unknown"

struct Condition {
  std::string type;  // Admitted, Injected, Reverted, Complete, Held
  Truth status = Truth::kUnknown;
  std::string reason;  // one word in CamelCase; of Complete and Held the verdict: Held, Deviated, NotInjected, …
  std::string message;
  std::string since;  // lastTransitionTime, RFC 3339 in seconds

  bool operator==(const Condition&) const = default;
};

// Sets it; `since` moves only when the status changes.
void set_condition(std::vector<Condition>& conditions, Condition condition, Nanos wall);
const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type);

}  // namespace ordeal::cluster

namespace ordeal::json {

template <>
struct Codec<cluster::Truth> : Words<cluster::Truth, 3> {};
template <>
struct Shape<cluster::Condition> {
  using C = cluster::Condition;
  static constexpr auto kFields =
      std::tuple{must("type", &C::type), must("status", &C::status), may("reason", &C::reason),
                 may("message", &C::message), may("lastTransitionTime", &C::since)};
};

}  // namespace ordeal::json
