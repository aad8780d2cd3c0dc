// ChildRunner: runs programs by argv with a deadline, without blocking the loop. No shell.
// The loop watches descriptor() for reading and calls dispatch(); callbacks come from inside it and must not destroy
// the runner, but may start the next program. A child leads its own process group; at its end or its deadline the whole
// group is killed, and it dies with us (PDEATHSIG: create() the runner and start() from the thread that lives longest).
// It ends when the program does, not when its last child lets go of a pipe. One that talks without end does not keep
// the loop, and one that even SIGKILL does not end is not waited for.
// run() does the same for one program and waits for it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "platform/sys/process/spawn.h"

namespace ordeal::sys {

struct Command {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  Nanos timeout{0};
  std::vector<std::string> environment = {};  // "NAME=value", besides ours
  size_t most_out = 0;                        // bytes of standard output that are also kept alone
  bool outlives_us = false;                   // finishes its work when we are killed
};

struct ChildResult {
  bool timed_out = false;
  int exit_code = -1;  // 128 + signal when a signal ended it; -1 when it did not end even then
  int signal = 0;
  std::string output;  // stdout and stderr as they came, at most kMaxOutput bytes; the rest is dropped
  std::string out;     // stdout alone
  bool cut = false;    // there was more of it
  Nanos took{0};
};
// "exited with 1", "was ended by signal 9 (Killed)", "killed at its time limit"
std::string to_text(const ChildResult& result);

class ChildRunner {
 public:
  using Callback = std::function<void(const ChildResult&)>;
  static constexpr size_t kMaxOutput = size_t{64} << 10;

  static Result<ChildRunner> create();
  ChildRunner(ChildRunner&&) noexcept = default;
  ChildRunner& operator=(ChildRunner&&) = delete;
  // Kills what still runs, without calling back.
  ~ChildRunner();

  // Fails when the program cannot be executed; then there is no callback.
  Result<> start(const Command& command, Callback callback);
  Result<> start(const std::vector<std::string>& argv, Nanos timeout, Callback callback);
  size_t running() const { return children_.size(); }

  int descriptor() const { return epoll_.get(); }
  void dispatch();

 private:
  struct Running {
    Child child;
    std::array<UniqueFd, 2> streams;  // its standard output and error
    UniqueFd timer;
    size_t most_out = 0;
    Callback callback;
    BootTime started = boot_now();
    ChildResult result = {};
  };
  explicit ChildRunner(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  Result<> watch(Running& running, uint64_t key);
  void on_event(uint64_t key);
  static void drain(Running& running);

  UniqueFd epoll_;
  std::map<uint64_t, Running> children_;
  uint64_t last_key_ = 0;
};

Result<ChildResult> run(const Command& command);

}  // namespace ordeal::sys
