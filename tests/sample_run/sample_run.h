// The events of a run, made by the engine in a small world without a kernel: five seconds of baseline with a gap in one
// metric, a latency attack on three victims that breaks the p95 expectation, an automatic halt, the revert, a rollback
// and the recovery. Deterministic.
#pragma once

#include <string>
#include <vector>

#include "core/model/run/run_event.h"

namespace ordeal {

struct SampleOptions {
  Nanos baseline = 10s;
  Nanos attack = 60s;       // planned
  Nanos breach_after = 7s;  // into the attack; longer than `attack` is a run that holds
  Nanos recovery = 12s;
  Nanos interval = 200ms;
  bool verdict = true;        // false is a run whose program died while the fault was in force
  bool troubled = false;      // a fourth victim cannot be hit, and the second goes 2 s into the attack
  bool refused = false;       // the guard refuses the second victim
  bool unproven = false;      // the fault has no measured effect
  bool counted = false;       // the breach is counted, and the query does not show it
  bool revert_fails = false;  // of the last victim
  bool rollback_fails = false;
  bool small = false;      // latencies of milliseconds, far below the limit
  bool kills = false;      // one of three is killed, 4 s after it was asked for
  bool comes_back = true;  // 1.3 s after it was killed
};
std::vector<RunEvent> sample_run(const SampleOptions& options = {});
SampleOptions held_sample();
SampleOptions long_sample();  // ten minutes at five readings a second
SampleOptions troubled_sample();

// Every kind of run that a report has to tell of, by name: "held", "deviated", "counted", "not-proven", …
struct SampleKind {
  std::string name;
  SampleOptions options;
};
std::vector<SampleKind> sample_kinds();

}  // namespace ordeal
