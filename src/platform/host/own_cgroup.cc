#include "platform/host/own_cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "core/base/io/unique_fd.h"
#include "platform/sys/cgroup/container.h"

namespace ordeal::host {
namespace {

constexpr Nanos kAboutToEnter = 2s;

constexpr const char* prefix_of(Role role) { return role == Role::kReaper ? "ordeal-reaper-" : "ordeal-standby-"; }

std::string path_for(const std::string& run_id, Role role) { return std::string("/") + prefix_of(role) + run_id; }

bool join_root(const sys::CgroupTree& tree, const sys::Hierarchy& hierarchy, pid_t pid) {
  auto root = tree.find(hierarchy, "/");
  return root && root->join(pid).has_value();
}

}  // namespace

Result<> enter_cgroup_namespace_of_init() {
  UniqueFd there(::open("/proc/1/ns/cgroup", O_RDONLY | O_CLOEXEC));
  if (!there) return fail_errno("cannot open /proc/1/ns/cgroup");
  struct stat theirs {
  }, ours{};
  if (::fstat(there.get(), &theirs) < 0 || ::stat("/proc/self/ns/cgroup", &ours) < 0)
    return fail_errno("cannot compare cgroup namespaces");
  if (theirs.st_ino == ours.st_ino) return {};
  if (::setns(there.get(), CLONE_NEWCGROUP) < 0) return fail_errno("cannot enter the host's cgroup namespace");
  return {};
}

const sys::Hierarchy* hierarchy_for_own_cgroup(const sys::CgroupTree& tree) {
  const sys::Hierarchy* found = tree.unified() ? tree.unified() : tree.with("name=systemd");
  return found && found->root == "/" ? found : nullptr;
}

bool outside_of_pods(const sys::Process& process) {
  return std::none_of(process.cgroups.begin(), process.cgroups.end(),
                      [](const auto& membership) { return sys::pod_of_cgroup(membership.path).has_value(); });
}

bool enter_own_cgroup(const std::string& run_id, Role role) {
  auto tree = sys::CgroupTree::discover();
  if (!tree) return false;
  const sys::Hierarchy* own = hierarchy_for_own_cgroup(*tree);
  if (!own) return false;
  std::string controller = own->version == 2 ? "unified" : "name=systemd";
  auto cgroup = sys::OwnCgroup::create(*tree, path_for(run_id, role), {controller});
  if (!cgroup || !cgroup->join(::getpid())) return false;
  cgroup->release();
  // In the v1 hierarchies the root is outside every service; a cgroup of its own there would lose SCHED_FIFO.
  for (const sys::Hierarchy& hierarchy : tree->hierarchies())
    if (&hierarchy != own && hierarchy.version == 1 && !join_root(*tree, hierarchy, ::getpid())) return false;
  auto self = sys::read_process(::getpid());
  return self && outside_of_pods(*self);
}

Result<> leave_own_cgroup(const std::string& run_id, Role role, Nanos patience) {
  auto tree = sys::CgroupTree::discover();
  const sys::Hierarchy* own = tree ? hierarchy_for_own_cgroup(*tree) : nullptr;
  auto cgroup = own ? tree->find(*own, path_for(run_id, role)) : std::nullopt;
  if (!cgroup) return {};
  auto members = cgroup->processes();
  for (pid_t pid : members.value_or(std::vector<pid_t>{}))
    if (pid == ::getpid()) join_root(*tree, *own, pid);
  BootTime end = boot_now() + patience;
  while (::rmdir(cgroup->folder().c_str()) < 0 && errno != ENOENT) {
    if (errno != EBUSY || boot_now() >= end) return fail_errno("cannot remove the cgroup " + cgroup->folder());
    ::usleep(2000);
  }
  return {};
}

void remove_empty_cgroups() {
  auto tree = sys::CgroupTree::discover();
  const sys::Hierarchy* own = tree ? hierarchy_for_own_cgroup(*tree) : nullptr;
  if (!own) return;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(own->mount, error)) {
    std::string name = entry.path().filename();
    if (!name.starts_with(prefix_of(Role::kReaper)) && !name.starts_with(prefix_of(Role::kStandby))) continue;
    struct stat info {};
    bool old = ::stat(entry.path().c_str(), &info) == 0 && wall_now() - seconds(info.st_ctime) > kAboutToEnter;
    if (old) ::rmdir(entry.path().c_str());  // which refuses one that somebody is in
  }
}

}  // namespace ordeal::host
