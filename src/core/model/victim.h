// Victim: one thing that an attack will hit, resolved to processes, cgroup and network namespace.
// It is a snapshot: every user checks the identity (start times, cgroup inode, namespace inode) again before acting.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal {

using Labels = std::map<std::string, std::string>;

// A process that cannot be mistaken for a later one with the same number.
struct ProcessId {
  pid_t pid = 0;
  uint64_t start_ticks = 0;  // field 22 of /proc/PID/stat
  auto operator<=>(const ProcessId&) const = default;
};

enum class VictimKind { kHost, kProcess, kContainer, kPod, kUnit };

struct Victim {
  VictimKind kind = VictimKind::kProcess;
  std::string name;        // unique within a run
  std::string namespace_;  // "" outside Kubernetes and inventory
  Labels labels;
  std::string zone;
  std::string cgroup;         // path below the cgroup mounts, "/shop/db"; "" for host and for lone processes
  uint64_t cgroup_inode = 0;  // of the hierarchy that identified it; 0 with no cgroup
  std::vector<ProcessId> processes;
  uint64_t netns = 0;  // inode of /proc/PID/ns/net; 0 when unknown

  bool operator==(const Victim&) const = default;
};

// Two selections mean the same thing, whatever else they say of it.
inline bool same_victim(const Victim& a, const Victim& b) {
  return a.kind == b.kind && a.name == b.name && a.cgroup_inode == b.cgroup_inode;
}

const char* to_text(VictimKind kind);
json::Value to_json(const Victim& victim);
Result<Victim> victim_from_json(const json::Value& value);

}  // namespace ordeal
