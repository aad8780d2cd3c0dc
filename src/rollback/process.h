// Process: one program with a time limit, whose standard output and error are kept apart. Nothing blocks: the loop
// watches descriptor() and calls dispatch(); the callback comes from inside it and may start the next one. It ends
// when the program does, not when its last child lets go of a pipe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/spawn.h"

namespace ordeal::rollback {

struct ProcessEnd {
  bool ok = false;  // exited with 0, in time
  bool timed_out = false;
  std::string result;  // "exited with 1", "killed at its time limit"
  std::string output;  // of both, at most kMostShown bytes
  std::string out;     // standard output, at most kMostOut bytes
};
constexpr size_t kMostShown = 4096;
constexpr size_t kMostOut = size_t{8} << 20;

class Process {
 public:
  using Callback = std::function<void(const ProcessEnd&)>;

  static Result<Process> create();
  // One at a time. `more` is added to the environment. Fails when the program cannot be executed.
  Result<> start(const std::vector<std::string>& argv, const std::vector<std::string>& more, Nanos limit,
                 Callback callback);
  bool running() const { return child_.has_value(); }

  int descriptor() const { return epoll_.get(); }
  void dispatch();

 private:
  Process(UniqueFd epoll, UniqueFd timer) : epoll_(std::move(epoll)), timer_(std::move(timer)) {}
  void drain();
  void take(int fd, bool out);

  UniqueFd epoll_, timer_;
  std::optional<sys::Child> child_;
  Nanos limit_{0};
  BootTime started_;
  ProcessEnd end_;
  Callback callback_;
};

}  // namespace ordeal::rollback
