// A realistic run for tests and for looking at the reports: five seconds of baseline, a latency attack that breaks the
// p95 expectation, an automatic halt, the revert and the recovery, with a gap in one metric. Deterministic.
#pragma once

#include <vector>

#include "model/verdict.h"

namespace ordeal::report {

struct SampleOptions {
  Nanos baseline = 10s;
  Nanos attack = 60s;       // planned
  Nanos breach_after = 7s;  // into the attack; longer than `attack` is a run that holds
  Nanos recovery = 12s;
  Nanos interval = 200ms;
  bool verdict = true;  // false is a run whose program died before it
};
std::vector<RunEvent> sample_run(const SampleOptions& options = {});
SampleOptions held_sample();
SampleOptions long_sample();  // ten minutes at five readings a second

}  // namespace ordeal::report
