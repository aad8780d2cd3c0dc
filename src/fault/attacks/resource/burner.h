// The burner: a child process that uses an exact amount of CPU time, in a closed loop (each thread works until
// its own CPU clock has advanced load x period plus what it still owes, then sleeps to the period's end). It is the
// guard's own executable, started again as `ordeal-guard --burn …`; the guard's main() calls burn_main() for it.
// It dies with the guard's main thread. It starts to burn only when told, after the guard has moved it into the
// victim's cgroup.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/spawn.h"

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
  std::vector<int> descriptors() const;
  // True once it burns; fails when it has ended.
  Result<bool> begun();
  pid_t pid() const { return child_.pid(); }
  // CPU time that it has used, all threads.
  Result<Nanos> used() const;
  // The set priorities that this machine refused, for notes.
  const std::vector<std::string>& refused() const { return refused_; }
  // Ends it within half a second, also where it was frozen with the victim.
  void stop();

 private:
  explicit Burner(sys::Child child) : child_(std::move(child)) {}
  Result<> arrange(const std::vector<sys::Cgroup>& cgroups);

  sys::Child child_;
  std::vector<sys::Cgroup> joined_;
  bool begun_ = false;
  std::vector<std::string> refused_;
};

// The program that is started as burner; "/proc/self/exe" unless set (tests whose own main is another).
void set_burner_program(std::string path);

// `--burn --threads N --load F --limit-ms N [--pins 0,1]`: the child's whole life. Returns its exit code.
int burn_main(int argc, char** argv);

}  // namespace ordeal::fault
