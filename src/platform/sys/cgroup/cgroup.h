// Cgroups of version 1, 2 and both at once (hybrid). CgroupTree is the list of mounted hierarchies; a Cgroup is one
// folder in one of them; an OwnCgroup is one path made by us in several of them and removed by us.
// A path ("/shop/db") is relative to a hierarchy's root, as in /proc/PID/cgroup. Freezer and CPU: cgroup_control.h.
#pragma once

#include <sys/types.h>

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/sys/process/process.h"

namespace ordeal::sys {

struct Hierarchy {
  int version = 2;
  std::string mount;                  // "/sys/fs/cgroup/cpu,cpuacct"
  std::string root = "/";             // the part of the hierarchy that is mounted there
  std::set<std::string> controllers;  // v1: of the mount, or {"name=systemd"}; v2: those that it has
  bool has(const std::string& controller) const { return controllers.count(controller) != 0; }
};

class Cgroup {
 public:
  Cgroup(int version, std::string path, std::string folder)
      : version_(version), path_(std::move(path)), folder_(std::move(folder)) {}

  int version() const { return version_; }
  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }
  bool exists() const;
  // Of the folder; for v2 this is the kernel's cgroup id.
  Result<uint64_t> inode() const;
  bool has_file(const std::string& name) const;
  Result<std::string> read(const std::string& name) const;
  Result<> write(const std::string& name, std::string_view text) const;
  // Its own and its descendants', sorted. Processes of PID namespaces that we cannot see are not in it.
  Result<std::vector<pid_t>> processes() const;
  Result<> join(pid_t pid) const;
  // The next one up; nothing at the root.
  std::optional<Cgroup> parent() const;

 private:
  int version_;
  std::string path_;
  std::string folder_;
};

class CgroupTree {
 public:
  // From /proc/self/mountinfo; `prefix` is put before each mount point (tests).
  static Result<CgroupTree> discover(const std::string& mountinfo = "/proc/self/mountinfo",
                                     const std::string& prefix = "");

  const std::vector<Hierarchy>& hierarchies() const { return hierarchies_; }
  const Hierarchy* unified() const;  // the v2 one
  // The hierarchy that has the controller ("cpu"): v1 when mounted so, else v2.
  const Hierarchy* with(const std::string& controller) const;

  // The folder of `path` in a hierarchy; nothing when it is not there or not visible through the mount.
  std::optional<Cgroup> find(const Hierarchy& hierarchy, std::string_view path) const;
  std::optional<Cgroup> find(const std::string& controller, std::string_view path) const;
  // In every hierarchy that has it; the identifying one first (v2, systemd's, cpu, memory, freezer, pids, others).
  std::vector<Cgroup> find_all(std::string_view path) const;

  // Where the process is in the hierarchy of the controller; "/" when unknown.
  std::string path_of(const Process& process, const std::string& controller) const;

 private:
  std::vector<Hierarchy> hierarchies_;
};

class OwnCgroup {
 public:
  // Makes `path` in the hierarchies of the named controllers ("unified" is v2), or in all when none is named. It must
  // not exist yet; missing parents are made and removed too. On failure nothing stays.
  static Result<OwnCgroup> create(const CgroupTree& tree, const std::string& path,
                                  const std::vector<std::string>& controllers = {});
  OwnCgroup(OwnCgroup&&) = default;
  OwnCgroup& operator=(OwnCgroup&& other) noexcept;
  ~OwnCgroup();

  const std::vector<Cgroup>& parts() const { return parts_; }
  Result<> join(pid_t pid) const;
  // Tries until `patience` is over, because a cgroup is busy until its last process was waited for.
  Result<> remove(Nanos patience = Nanos(0));
  // Leaves it to somebody else to remove.
  void release();

 private:
  OwnCgroup() = default;
  Result<> make(const Hierarchy& hierarchy, const std::string& path);

  std::vector<Cgroup> parts_;
  std::vector<std::string> folders_;  // made by us, outermost first
};

}  // namespace ordeal::sys
