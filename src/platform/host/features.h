// Features: what this host lets Ordeal do, found out by trying in places that nobody else uses: a network namespace of
// its own, a cgroup of its own that is removed again, a child process. Nothing of the host is changed.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "core/base/result.h"
#include "platform/sys/cgroup/cgroup.h"
#include "platform/sys/network/nft.h"

namespace ordeal::host {

enum class Priority { kNone, kNice, kFifo };

struct Features {
  std::string kernel;
  bool root = false;
  std::set<std::string> capabilities;
  Result<sys::CgroupTree> cgroups = fail(Errc::kInternal, "not checked");
  // How packets reach a queue; the error says why there is no way.
  Result<sys::QueueStyle> queue = fail(Errc::kInternal, "not checked");
  bool owned_tables = false;  // another socket cannot take over our nftables table
  bool pidfd = false;
  bool cgroup_kill = false;       // cgroup v2 with cgroup.kill
  std::string freezer;            // "v1", "v2" or ""
  bool cgroups_writable = false;  // the cpu hierarchy
  bool reaper_cgroup = false;     // the reaper can have one of its own
  Priority priority = Priority::kNone;

  bool can(const std::string& capability) const { return capabilities.count(capability) != 0; }

  // Takes some 10 ms. Forks: call it before any thread is started.
  static Features look();
};

}  // namespace ordeal::host
