// LoadChild: a child process of the guard that takes something of the victim's (CPU time, memory, process ids) for as
// long as it lives. It is the guard's own executable, started again; it dies with the guard's main thread, and begins
// only when told, after it was moved into the victim's cgroups. What it takes, the kernel gives back when it is dead.
//
// They talk by lines. To the child: how much it is to hold, a number. From it: "b" when it has begun, a number when it
// holds so much, and "!" with a sentence when it cannot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::fault {

struct LoadPlan {
  std::vector<std::string> argv;  // after the program's name: "--load", "memory", …
  std::vector<sys::Cgroup> join;
  std::vector<std::pair<int, int>> pass;  // our descriptor, and its number in the child
  std::string what = "load";              // for errors: "burner"
  int oom_score_adj = 1000;               // the first that the kernel kills when memory is short
};

class LoadChild {
 public:
  // Starts it, moves it into the cgroups, gives it its priority, then lets it begin.
  static Result<LoadChild> start(const LoadPlan& plan);

  // Readable when it has said something, and when it has ended.
  std::vector<int> descriptors() const;
  // Takes in what it has said; fails when it has ended, with its last word.
  Result<> listen();
  bool begun() const { return begun_; }
  // What it said last that it holds.
  std::optional<int64_t> holds() const { return holds_; }
  // How much it is to hold from now on.
  void tell(int64_t amount);
  pid_t pid() const { return child_.pid(); }
  // The settings that this machine refused, for notes.
  const std::vector<std::string>& refused() const { return refused_; }
  // So that many can be killed before one is waited for. It is dead a little later.
  void kill();
  bool dying() const { return killed_ && !child_.ended(); }
  // Kills it and waits, until `patience` after the kill; also where it was frozen with the victim. kRevertFailed when
  // it does not die; then it is given up. The last that is called.
  Result<> stop(Nanos patience = 200ms);

 private:
  explicit LoadChild(sys::Child child) : child_(std::move(child)) {}
  Result<> arrange(const LoadPlan& plan);
  void take_line(std::string_view line);

  sys::Child child_;
  std::vector<sys::Cgroup> joined_;
  std::string heard_;  // an unfinished line
  std::string complaint_;
  bool begun_ = false;
  bool mute_ = false;  // it has closed its end
  std::optional<int64_t> holds_;
  std::vector<std::string> refused_;
  std::optional<BootTime> killed_;
};

// The program that is started as load; "/proc/self/exe" unless set (tests whose own main is another).
void set_load_program(std::string path);

}  // namespace ordeal::fault
