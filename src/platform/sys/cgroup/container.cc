#include "platform/sys/cgroup/container.h"

#include <algorithm>
#include <array>

#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_long_id(std::string_view text) { return text.size() == 64 && is_hex(text); }

// How runtimes name a container's cgroup: PREFIX ID SUFFIX, below a folder PARENT.
// An "any" id is what a person chose; such rows need their parent.
struct Naming {
  std::string_view prefix, suffix;
  std::string_view parent;  // "" is any
  std::string_view runtime;
  bool any_id = false;
};
constexpr std::array<Naming, 12> kNamings{{
    {"docker-", ".scope", "", "docker"},
    {"cri-containerd-", ".scope", "", "containerd"},
    {"nerdctl-", ".scope", "", "containerd"},
    {"crio-", ".scope", "", "crio"},
    {"crio-", "", "", "crio"},
    {"libpod-", ".scope", "", "podman"},
    {"libpod-payload-", "", "", "podman"},  // in a unit of its own, as Quadlet has it
    {"libpod-", "", "", "podman"},
    {"", "", "docker", "docker"},
    {"", "", "k8s.io", "containerd", true},
    {"", "", "default", "containerd", true},
    {"", "", "moby", "docker"},
}};

std::optional<std::string_view> id_by(const Naming& naming, std::string_view name, std::string_view parent) {
  if (!naming.parent.empty() && naming.parent != parent) return std::nullopt;
  if (!name.starts_with(naming.prefix) || !name.ends_with(naming.suffix)) return std::nullopt;
  if (name.size() <= naming.prefix.size() + naming.suffix.size()) return std::nullopt;
  std::string_view id = name.substr(naming.prefix.size(), name.size() - naming.prefix.size() - naming.suffix.size());
  if (naming.any_id || is_long_id(id)) return id;
  return std::nullopt;
}

bool is_pod_uid(std::string_view text) {
  if (text.size() == 32) return is_hex(text);  // of a static pod: a hash
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? (text[i] != '-' && text[i] != '_') : !is_hex(text.substr(i, 1))) return false;
  }
  return true;
}

// "pod<uid>" or "kubepods-burstable-pod<uid with _>.slice"
std::optional<std::string> pod_uid_of(std::string_view name) {
  if (name.ends_with(".slice")) name.remove_suffix(6);
  size_t at = name.rfind("pod");
  if (at == name.npos || (at > 0 && name[at - 1] != '-')) return std::nullopt;
  if (!is_pod_uid(name.substr(at + 3))) return std::nullopt;
  std::string uid(name.substr(at + 3));
  std::replace(uid.begin(), uid.end(), '_', '-');
  return uid;
}

struct Segment {
  std::string_view name;
  std::string_view path;  // up to and with this segment
};

std::vector<Segment> segments_of(std::string_view path) {
  std::vector<Segment> segments;
  for (std::string_view name : split_words(path, "/"))
    segments.push_back({name, path.substr(0, static_cast<size_t>(name.data() + name.size() - path.data()))});
  return segments;
}

std::optional<ContainerPath> pod_at_or_above(const std::vector<Segment>& segments, size_t last) {
  for (size_t i = last + 1; i-- > 0;) {
    std::string_view name = segments[i].name;
    if (auto uid = pod_uid_of(name.substr(0, name.find(':'))))
      return ContainerPath{"", "", *uid, "", std::string(segments[i].path)};
  }
  return std::nullopt;
}

// "kubepods-burstable-pod….slice:cri-containerd:ID": systemd's form under a runtime that uses cgroupfs.
std::optional<ContainerPath> colon_form(const Segment& segment) {
  auto parts = split(segment.name, ':');
  if (parts.size() != 3 || parts[2].empty()) return std::nullopt;
  std::string_view runtime = parts[1] == "cri-containerd" || parts[1] == "nerdctl" ? "containerd"
                             : parts[1] == "crio"                                  ? "crio"
                             : parts[1] == "docker"                                ? "docker"
                             : parts[1] == "libpod"                                ? "podman"
                                                                                   : "";
  if (runtime.empty()) return std::nullopt;
  return ContainerPath{std::string(runtime), std::string(parts[2]), "", std::string(segment.path), ""};
}

std::optional<ContainerPath> container_at(const std::vector<Segment>& segments, size_t i) {
  if (auto found = colon_form(segments[i])) return found;
  std::string_view parent = i > 0 ? segments[i - 1].name : "";
  for (const Naming& naming : kNamings) {
    // A name that a person chose is a container's only directly below the runtime's top folder.
    if (naming.any_id && i != 1) continue;
    if (auto id = id_by(naming, segments[i].name, parent))
      return ContainerPath{std::string(naming.runtime), std::string(*id), "", std::string(segments[i].path), ""};
  }
  if (i > 0 && pod_uid_of(parent) && is_long_id(segments[i].name))
    return ContainerPath{"cri", std::string(segments[i].name), "", std::string(segments[i].path), ""};
  return std::nullopt;
}

}  // namespace

std::optional<ContainerPath> container_of_cgroup(std::string_view path) {
  auto segments = segments_of(path);
  for (size_t i = segments.size(); i-- > 0;) {
    auto found = container_at(segments, i);
    if (!found) continue;
    if (auto pod = pod_at_or_above(segments, i)) {
      found->pod_uid = pod->pod_uid;
      found->pod_cgroup = pod->pod_cgroup;
    }
    return found;
  }
  return std::nullopt;
}

std::optional<ContainerPath> pod_of_cgroup(std::string_view path) {
  auto segments = segments_of(path);
  if (segments.empty()) return std::nullopt;
  return pod_at_or_above(segments, segments.size() - 1);
}

}  // namespace ordeal::sys
