// Lookup: from one name in a target to the one cgroup that it means here. A systemd unit and a container are found by
// the paths of the cgroups that hold processes; the engines' files only say which name belongs to which path. A name
// that means nothing, or several things, is bad input.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "fault/target/engines.h"
#include "fault/target/snapshot.h"
#include "platform/sys/cgroup/container.h"

namespace ordeal::target {

// By the cgroup: the containers, and the units with their names, in which a process is alive.
// A name alone means a unit of the host, never a user's: any user can give a unit of his own whatever name.
bool is_of_user_manager(const std::string& path);
// Whether another container of the host, which does not run, has this name: it may be the one that is meant.
bool has_namesake(const std::string& name, const sys::ContainerPath& container, const EngineFiles& files);

std::map<std::string, sys::ContainerPath> visible_containers(const Snapshot& snapshot);
std::map<std::string, std::string> visible_units(const Snapshot& snapshot);
EngineFiles engine_files(const Snapshot& snapshot);

constexpr size_t kShownIdDigits = 12;  // of a container's id; and the least that name it

struct Found {
  std::string name;
  std::string cgroup;
};

// `cgroup` "" is any. kInvalidInput: no unit of that name has a process, or several have.
Result<Found> find_unit(const std::string& asked, const std::string& cgroup, const Snapshot& snapshot);
// The unit whose cgroup this is.
Result<Found> unit_at(const std::string& cgroup, const Snapshot& snapshot);

// An id, its beginning of 12 digits or more, or the name that an engine gives it. kInvalidInput: there is none, or
// there are several; kNotInjected: an engine knows it, and none of its processes is running here. `others` are further
// names for the advice.
Result<Found> find_container(const std::string& asked, const std::string& cgroup, const Snapshot& snapshot,
                             std::vector<std::string> others);

}  // namespace ordeal::target
