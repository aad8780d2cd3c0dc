// Proof: what an impact measured of itself, and how much of what it meant it has hit. Nothing that was not proven
// counts as held. Coverage, not a total: 900 packets that were delayed prove little when 8 000 passed beside them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal {

// Of what was to be hit: what was, and what was not. Time in which there was nothing to hit counts as neither.
struct Coverage {
  std::string what;  // "arrival", "departure", "cpu", "paused", "killed"
  double affected = 0;
  double missed = 0;
  std::string unit;     // "packets", "s of CPU time", "process seconds", "processes"
  std::string missing;  // what became of the missed ones, in words; "" when nothing was missed

  // 0 to 1; nothing when there was nothing to hit.
  std::optional<double> share() const;
};

// Below it an impact is not proven.
constexpr double kLeastCoverage = 0.95;

struct Proof {
  bool proven = false;
  std::string measured;  // "412 packets delayed, median 500.3 ms added"
  std::string reason;    // when not proven: what is missing and what to check
  double asked = 0;
  double got = 0;
  std::string unit;
  std::vector<Coverage> coverage{};  // each is judged by itself
  std::string lasting{};             // what no revert gives back: "2 processes were killed"; "" when there is nothing
  bool may_return = false;           // who was hit so is gone, and may be started anew
  std::vector<BootTime> moments{};   // when that was done, the first ones; empty when that is not known
};

// "only 61.2 % of the packets …: 304 passed while …", or "" when the share is enough (or there was nothing to hit).
std::string shortfall(const Coverage& coverage);

json::Value to_json(const Proof& proof);
// A proof without coverage is one of an older version.
Result<Proof> proof_from_json(const json::Value& value);

}  // namespace ordeal
