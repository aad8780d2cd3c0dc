// What the container engines of this host call their containers, read from the files that they keep; no socket is
// asked. Docker: <data-root>/containers/*/config.v2.json. Podman and CRI-O: containers.json and
// volatile-containers.json of their storage. A name is only a name here: which processes it is, a cgroup path says.
#pragma once

#include <sys/types.h>

#include <set>
#include <string>
#include <vector>

namespace ordeal::target {

struct NamedContainer {
  std::string engine;  // "docker", "podman"
  std::string id;
  std::vector<std::string> names;
  uid_t owner = 0;  // whose file says so
};

struct EngineFiles {
  std::vector<NamedContainer> containers;
  std::vector<std::string> unread;  // why a file or folder that is there could not be read

  // The names of the container with this id and cgroup. What a user's own file says counts only for what runs in the
  // user's own slice: nobody can give a name to a container of somebody else.
  std::vector<std::string> names_of(const std::string& id, const std::string& cgroup) const;
};
bool may_name(const NamedContainer& container, const std::string& cgroup);

// `root` is put before each path, for tests. `users`: whose homes are looked at besides, for engines without root.
EngineFiles read_engine_files(const std::string& root, const std::set<uid_t>& users);

}  // namespace ordeal::target
