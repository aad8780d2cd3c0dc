// Slo: a service level objective as OpenSLO v1 states it (openslo.com; docs/formats/openslo.md has what is read).
// A file may hold several documents: SLOs, the SLIs that they name, and kinds that mean nothing here (Service,
// DataSource, AlertPolicy, AlertCondition, AlertNotificationTarget), as documents or as a list. Pure; errors name the
// field, and say in their hint what to write instead.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/yaml.h"

namespace ordeal::slo {

// What is measured, in PromQL. Counters are given as they are, without rate().
struct Indicator {
  enum class Method {
    kGoodOfTotal,  // counters of good events and of all
    kBadOfTotal,   // counters of bad events and of all
    kSuccessRatio,
    kFailureRatio,  // a ratio that is computed already
    kThreshold,     // a value that is compared
  };
  Method kind = Method::kBadOfTotal;
  std::string part;                  // good, bad, the ratio or the value
  std::string total;                 // of kGoodOfTotal and kBadOfTotal
  std::vector<std::string> notes{};  // what was made of the file, each "FIELD: …"
};

// "28d" and its kin. Rolling months have 30 days, quarters 90, years 365.
struct Period {
  int64_t count = 0;
  char unit = 'd';  // m h d w M Q Y
  Nanos rolling_length() const;
};

struct TimeWindow {
  Period period{28, 'd'};
  // Of a window that is aligned to the calendar: the first one's begin, UTC, since the Unix epoch.
  std::optional<Nanos> calendar_start;
};

struct Objective {
  std::string name;   // "" when it has none
  double target = 0;  // in [0, 1): the share of good events or slices
  // Of an Indicator::kThreshold: good is `value op threshold`.
  std::string op;  // < <= > >=
  double threshold = 0;
  // Budgeting by time slices: a slice is good when its share of good is at least slice_target.
  std::optional<Nanos> slice;
  double slice_target = 0;  // in (0, 1]
};

struct Slo {
  std::string name;  // the display name, or the name
  std::string service;
  Indicator indicator;
  TimeWindow window;
  std::vector<Objective> objectives;  // at least one
};

// All SLOs of a file; at least one.
Result<std::vector<Slo>> decode_openslo(const std::vector<json::Document>& documents);

// "Payments succeed: three nines"
std::string full_name(const Slo& slo, const Objective& objective);
// What was made of the file, each once.
std::vector<std::string> notes_of(const std::vector<Slo>& slos);
// A counter without the sum() around it.
std::string selector_of(const std::string& counter);

// Whether a document says that it is OpenSLO.
bool is_openslo(const json::Document& document);

}  // namespace ordeal::slo
