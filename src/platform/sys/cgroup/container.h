// Which container and pod a cgroup path belongs to, by the names that container runtimes give their cgroups. Pure text:
// no runtime is asked. Known: Docker, containerd, CRI-O, Podman and nerdctl, under cgroupfs and under systemd, and the
// pods of a kubelet. The innermost container of a nested path wins.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ordeal::sys {

struct ContainerPath {
  std::string runtime;  // "docker", "containerd", "crio", "podman"; "cri" when the path does not tell which
  std::string id;
  std::string pod_uid;  // with dashes as in the pod's metadata; "" outside Kubernetes
  std::string cgroup;   // the path up to and with the container's own cgroup
  std::string pod_cgroup;
  bool operator==(const ContainerPath&) const = default;
};

// Nothing for a plain cgroup, and for a pod's cgroup outside any container (see pod_of_cgroup).
std::optional<ContainerPath> container_of_cgroup(std::string_view path);
// The pod alone: its UID and its cgroup, also when the path ends there.
std::optional<ContainerPath> pod_of_cgroup(std::string_view path);

}  // namespace ordeal::sys
