// NetNs: an open network namespace; it lives at least as long as this object. It is not a switch: the calling thread
// never leaves its own namespace. run() works on a helper thread inside the namespace and waits for it, so sockets
// opened there stay in the namespace and no failure can leave a thread in a foreign one. Costs about 0.1 ms.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <type_traits>

#include "core/base/io/unique_fd.h"
#include "core/base/result.h"

namespace ordeal::sys {

class NetNs {
 public:
  // Identity: equal for two descriptors of one namespace. `inode` is the number in "net:[4026531840]".
  struct Id {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const Id&, const Id&) = default;
  };

  // A namespace file: /run/netns/NAME or /proc/PID/ns/net.
  static Result<NetNs> open(const std::string& path);
  static Result<NetNs> of_process(pid_t pid);
  // False where /proc shows the processes of one container only: others may live in the namespace, or join it, unseen.
  static bool all_processes_are_visible();
  // The namespace of the calling thread.
  static Result<NetNs> current();

  Id id() const { return id_; }
  int fd() const { return fd_.get(); }
  // Its owner is the user namespace that we live in: users and groups have the same numbers there.
  bool of_our_users() const;

  // Runs `function` inside the namespace and gives back its Result.
  template <typename F>
  auto run(F function) const -> std::invoke_result_t<F> {
    std::invoke_result_t<F> result = fail(Errc::kInternal, "did not run");
    auto entered = run_inside([&] { result = function(); });
    if (!entered) return tl::unexpected(std::move(entered).error());
    return result;
  }

 private:
  NetNs(UniqueFd fd, Id id) : fd_(std::move(fd)), id_(id) {}
  Result<> run_inside(const std::function<void()>& function) const;

  UniqueFd fd_;
  Id id_;
};

}  // namespace ordeal::sys
