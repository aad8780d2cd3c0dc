// The interfaces through which the engine meets the world. Implementations live elsewhere (guard client, watch,
// kube) and are put together by the programs. Nothing here blocks: requests go out, events come back.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/input/attack.h"
#include "core/model/input/experiment.h"
#include "core/model/run/verdict.h"
#include "core/model/victim.h"

namespace ordeal {

// What the series behind an expectation have counted since watching began, corrected for counters that began anew.
struct Counts {
  struct Group {
    std::string name;  // as in Observation::values
    double bad = 0;    // 0 <= bad <= total, but for counters that are read at different times
    double total = 0;
  };
  std::vector<Group> groups;
  // Until when all targets that counted events were read, since the Unix epoch; 0 when that is not known.
  int64_t read_until_ms = 0;
  std::string trouble;  // why nothing can be counted, or what can never be seen; "" is none
  // Every counter was last read at this moment or later; nothing when that is not known.
  std::optional<BootTime> read_since;
};

// When the data of a look was taken, which is before its answer came. Samples count by their scrapes.
struct DataTimes {
  BootTime from;     // a probe's begin; of samples the last one of each needed series, of a range the last but one
  BootTime until;    // a probe's end; nothing was taken later
  BootTime newest;   // of each needed series something was taken at this moment or later
  BootTime back_to;  // where the longest window of a query begins; `from` where there is none
};

// What one look at one expectation gave. `values` are the numbers behind it, labelled for a person ("route=/pay").
struct Observation {
  enum class Outcome { kValues, kNoSuchSeries, kNaN, kStale, kTimedOut, kError };
  Outcome kind = Outcome::kError;
  bool scalar = false;
  std::vector<std::pair<std::string, double>> values;
  std::string error;  // for kTimedOut and kError, and which series is NaN or stale
  Nanos took{0};
  std::optional<Counts> counts;    // where the expectation has a design for them (analysis/trigger_design.h)
  std::optional<DataTimes> taken;  // nothing when that is not known: then it proves nothing
  // What keeps it from proving anything, whatever it gave (a page that is not whole); it may still speak against the
  // hypothesis. "" is nothing.
  std::string doubt;
  // Why there is no data, where that is a lack of Ordeal's own or of a clock, and never the system's doing. "" is not.
  std::string own_lack;
  std::string unseen;  // the metric, label or job of the query that was never seen, and what is near it; "" is none
  std::string caveat;  // how it was read, for a person; said once
};
const char* to_text(Observation::Outcome kind);

// Looks at expectations. One look per expectation may be under way; a second request for it is ignored.
class Watcher {
 public:
  virtual ~Watcher() = default;
  using Callback = std::function<void(size_t expectation, const Observation&)>;
  // Starts a look; the answer comes from inside dispatch(), or from here when it is known at once. `since` is when the
  // present phase began: some sources can only be asked whether their data is younger than that.
  virtual void look(size_t expectation, BootTime since) = 0;
  // To poll for reading; then dispatch() does what is due. Neither blocks.
  virtual int descriptor() const = 0;
  virtual void dispatch() = 0;
};

// Makes and ends impacts; a guard on this host, later a custom resource in a cluster. Requests are idempotent.
class Injector {
 public:
  virtual ~Injector() = default;
  // Asks whether inject() would succeed, and holds what it needs (claims, caps) until then or until revert_all().
  // Nothing is done to the victim.
  virtual void check(int impact, const Victim& victim, const Attack& attack) = 0;
  // The same of an attack that comes later, and holds nothing: what this run itself has in force may be over by then.
  // Where no attack comes later it is never asked.
  virtual void check_ahead(int impact, const Victim& victim, const Attack& attack) { check(impact, victim, attack); }
  // `impact` names the impact from then on; the same number again is the same request.
  virtual void inject(int impact, const Victim& victim, const Attack& attack) = 0;
  virtual void renew() = 0;
  virtual void revert_all(const std::string& why) = 0;
};

// Follows what becomes of a victim that was killed.
class RecoveryWatcher {
 public:
  virtual ~RecoveryWatcher() = default;
  // Whether it lives again, in a process that began after `since`; the answer comes as an event.
  virtual void look_for_return(int impact, BootTime since) = 0;
};

// Acts on the deployment after a breach, once the fault is off.
class Actuator {
 public:
  virtual ~Actuator() = default;
  virtual void act(const std::string& why) = 0;
};

}  // namespace ordeal
