#include "platform/sys/process/standstill.h"

#include <dirent.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <memory>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "platform/sys/cgroup/cgroup_control.h"

namespace ordeal::sys {
namespace {

constexpr std::array kStopSignals{SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

// Signal sets are hexadecimal; bit 0 is signal 1.
bool stop_pends(const std::string& folder) {
  std::string status = read_file(folder + "/status").value_or("");
  for (std::string_view line : split(status, '\n')) {
    if (!line.starts_with("SigPnd:") && !line.starts_with("ShdPnd:")) continue;
    auto set = std::strtoull(std::string(trim(line.substr(7))).c_str(), nullptr, 16);
    for (int signal : kStopSignals)
      if ((set >> (signal - 1) & 1) != 0) return true;
  }
  return false;
}

Stop stop_in(char state) { return state == 'T' ? Stop::kStopped : state == 't' ? Stop::kTraced : Stop::kNone; }

// A stop goes to all threads; one that sleeps in the kernel does not show it, and the others do.
Stop stop_of_threads(const std::string& folder) {
  std::unique_ptr<DIR, int (*)(DIR*)> threads(::opendir((folder + "/task").c_str()), &::closedir);
  while (const dirent* entry = threads ? ::readdir(threads.get()) : nullptr) {
    auto text = read_file(folder + "/task/" + entry->d_name + "/stat");
    auto stat = text ? parse_stat(*text) : tl::unexpected(text.error());
    if (stat && stop_in(stat->state) != Stop::kNone) return stop_in(stat->state);
  }
  return Stop::kNone;
}

using Frozen = std::map<std::pair<std::string, std::string>, std::optional<std::string>>;

std::optional<std::string> frozen_at(const CgroupTree& tree, const Hierarchy& hierarchy, const std::string& path) {
  auto cgroup = tree.find(hierarchy, path);
  if (!cgroup) return std::nullopt;
  auto state = freezer_state(*cgroup);
  if (!state || *state == FreezerState::kThawed) return std::nullopt;
  for (auto up = cgroup; up; up = up->parent())
    if (freezer_requested(*up).value_or(false)) return up->path();
  return path;
}

bool of_hierarchy(const CgroupMembership& membership, const Hierarchy& hierarchy) {
  const auto& names = membership.controllers;
  if (hierarchy.version == 2) return names.empty();
  return hierarchy.has("freezer") && std::find(names.begin(), names.end(), "freezer") != names.end();
}

std::optional<std::string> look_up(const CgroupTree& tree, const Process& process, Frozen& known) {
  for (const Hierarchy& hierarchy : tree.hierarchies())
    for (const CgroupMembership& membership : process.cgroups) {
      if (!of_hierarchy(membership, hierarchy)) continue;
      auto [found, fresh] = known.try_emplace({hierarchy.mount, membership.path});
      if (fresh) found->second = frozen_at(tree, hierarchy, membership.path);
      if (found->second) return found->second;
    }
  return std::nullopt;
}

constexpr std::array kSaid{"runs", "is about to be stopped", "is stopped", "is held by a debugger"};

}  // namespace

Stop stop_of(pid_t pid, const std::string& proc) {
  std::string folder = fmt::format("{}/{}", proc, pid);
  auto stat = read_stat(pid, proc);
  if (!stat || !stat->alive()) return Stop::kNone;
  if (Stop seen = stop_in(stat->state); seen != Stop::kNone) return seen;
  if (stop_pends(folder)) return Stop::kPending;
  bool hidden = stat->threads > 1 && (stat->state == 'D' || stat->state == 'Z');
  return hidden ? stop_of_threads(folder) : Stop::kNone;
}

std::optional<std::string> frozen_by(const CgroupTree& tree, const Process& process) {
  Frozen known;
  return look_up(tree, process, known);
}

std::vector<Still> standing_still(const CgroupTree& tree, const std::vector<Process>& processes) {
  std::vector<Still> all;
  Frozen known;
  for (const Process& process : processes) {
    std::string name = fmt::format("{} (pid {})", process.comm, process.pid);
    if (auto cgroup = look_up(tree, process, known)) {
      all.push_back({process, true, fmt::format("{} is in the frozen cgroup {}", name, *cgroup)});
    } else if (Stop stop = stop_of(process.pid); stop != Stop::kNone) {
      all.push_back({process, false, fmt::format("{} {}", name, kSaid[static_cast<size_t>(stop)])});
    }
  }
  return all;
}

}  // namespace ordeal::sys
