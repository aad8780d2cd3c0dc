// ChildRunner: runs programs by argv with a deadline, without blocking the loop. No shell.
// The loop watches descriptor() for reading and calls dispatch(); callbacks come from inside it and must not destroy
// the runner. A child leads its own process group; at its end or its deadline the whole group is killed, and it dies
// with us (PDEATHSIG: create() the runner and start() from the thread that lives longest).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace ordeal::net {

struct ChildResult {
  bool timed_out = false;
  int exit_code = -1;  // 128 + signal when a signal ended it
  int signal = 0;
  std::string output;  // stdout and stderr as they came, at most max_output bytes; the rest is dropped
  Nanos took{0};
};

class ChildRunner {
 public:
  using Callback = std::function<void(const ChildResult&)>;
  static constexpr size_t kMaxOutput = size_t{64} << 10;

  static Result<ChildRunner> create();
  ChildRunner(ChildRunner&&) noexcept = default;
  ChildRunner& operator=(ChildRunner&&) = delete;
  // Kills what still runs, without calling back.
  ~ChildRunner();

  // argv[0] is looked up in PATH. Fails when the program cannot be executed; then there is no callback.
  Result<> start(const std::vector<std::string>& argv, Nanos timeout, Callback callback);
  size_t running() const { return children_.size(); }

  int descriptor() const { return epoll_.get(); }
  void dispatch();

 private:
  struct Child {
    pid_t pid = -1;
    UniqueFd pidfd, output, timer;
    BootTime started;
    ChildResult result;
    Callback callback;
  };
  explicit ChildRunner(UniqueFd epoll) : epoll_(std::move(epoll)) {}
  Result<> watch(Child& child, uint64_t key);
  void on_event(uint64_t key);

  UniqueFd epoll_;
  std::map<uint64_t, Child> children_;
  uint64_t last_key_ = 0;
};

}  // namespace ordeal::net
