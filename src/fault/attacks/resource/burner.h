// The burner: a child process that uses an exact amount of CPU time, in a closed loop (each thread works until
// its own CPU clock has advanced load x period plus what it still owes, then sleeps to the period's end). A LoadChild,
// started as `ordeal-guard --burn …`; the guard's main() calls burn_main() for it.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "fault/attacks/load/load_child.h"
#include "platform/sys/cgroup/cgroup.h"

namespace ordeal::fault {

// It works in periods of this length, and works off later what it owes of at most this many.
constexpr Nanos kBurnPeriod = 20ms;
constexpr int kBurnDebtPeriods = 5;

struct BurnPlan {
  int threads = 1;
  double load = 1;        // of each thread, in CPUs: above 0 and at most 1
  std::vector<int> pins;  // one CPU a thread, or empty
  Nanos limit = 1h;       // it ends by itself then, whoever forgot it
};

class Burner {
 public:
  // Starts the child, moves it into `cgroups`, gives it its priority, then lets it burn.
  static Result<Burner> start(const BurnPlan& plan, const std::vector<sys::Cgroup>& cgroups);

  // Readable when it has begun, and when it has ended.
  std::vector<int> descriptors() const { return child_.descriptors(); }
  // True once it burns; fails when it has ended.
  Result<bool> begun();
  pid_t pid() const { return child_.pid(); }
  // CPU time that it has used, all threads.
  Result<Nanos> used() const;
  Result<> stop() { return child_.stop(); }

 private:
  explicit Burner(LoadChild child) : child_(std::move(child)) {}

  LoadChild child_;
};

// `--burn --threads N --load F --limit-ms N [--pins 0,1]`: the child's whole life. Returns its exit code.
int burn_main(int argc, char** argv);

}  // namespace ordeal::fault
