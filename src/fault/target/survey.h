// Survey: what of this host a target can name, each with the line for an experiment that names it, and with the rule
// that forbids it. What is listed twice by its nature (a slice and the services in it) is listed twice.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/input/policy.h"
#include "fault/target/snapshot.h"

namespace ordeal::target {

enum class Group { kUnit, kContainer, kCgroup, kProcess, kHost };
const char* to_text(Group group);  // "systemd", "container", "cgroup", "process", "host"

struct SurveyEntry {
  Group group = Group::kHost;
  std::string name;
  std::string runtime;                // of a container
  std::string cgroup;                 // "" for processes and the host
  size_t processes = 0;               // that the line takes in
  std::vector<std::string> programs;  // theirs, each once, the most frequent first
  std::string line;                   // "target: {type: systemd, name: nginx}"
  std::optional<std::string> refused;
};

struct Survey {
  std::vector<SurveyEntry> entries;  // by group, then by name
  std::vector<std::string> unread;   // files of engines that could not be read: names may be missing
};

Survey survey(const Snapshot& snapshot, const std::vector<Policy>& policies);

// Those of which the kind, name, cgroup, runtime or a program holds `words`, whatever the case.
std::vector<SurveyEntry> filtered(const std::vector<SurveyEntry>& entries, const std::string& words);

}  // namespace ordeal::target
