// VictimWatch: whether a victim is still the one that was chosen. A container is gone when its cgroup has been replaced
// or its first process has exited; lone processes when the last of them has.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/model/victim.h"
#include "platform/sys/process/pidfd.h"

namespace ordeal::guard {

class VictimWatch {
 public:
  // Fails with kNotFound when the victim is not what its snapshot says any more.
  Result<> add(int impact, const Victim& victim);
  void remove(int impact) { watched_.erase(impact); }
  // The impacts whose victim is gone, and why.
  std::vector<std::pair<int, std::string>> gone();

 private:
  // One descriptor, however many processes: the oldest that lives.
  struct Watched {
    Victim victim;
    std::vector<ProcessId> processes;  // the oldest first
    size_t next = 0;                   // of them, to look at when `held` is dead
    std::optional<sys::PidFd> held;

    bool open_next();
    bool alive();
  };
  std::map<int, Watched> watched_;
};

}  // namespace ordeal::guard
