#include "fault/target/survey.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <tuple>

#include "core/json/value.h"
#include "fault/target/lookup.h"
#include "fault/target/select.h"
#include "platform/sys/cgroup/unit.h"
#include "platform/sys/process/protected.h"

namespace ordeal::target {
namespace {

bool is_plain(const std::string& text) {
  auto first = static_cast<unsigned char>(text.empty() ? 0 : text.front());
  if (!std::isalpha(first) && first != '/') return false;
  for (const char* word : {"true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"})
    if (text == word) return false;
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/' || c == '@';
  });
}

// As a scalar in YAML's flow form.
std::string scalar(const std::string& text) { return is_plain(text) ? text : json::write(json::Value(text)); }

std::string line_of(const char* type, const char* key, const std::string& value) {
  return fmt::format("target: {{type: {}, {}: {}}}", type, key, scalar(value));
}

class Surveyor {
 public:
  Surveyor(const Snapshot& snapshot, const std::vector<Policy>& policies)
      : snapshot_(snapshot), policies_(policies), files_(engine_files(snapshot)) {}

  Survey take() {
    add_units();
    add_containers();
    add_cgroups();
    add_other_processes();
    add_host();
    std::stable_sort(survey_.entries.begin(), survey_.entries.end(), [](const SurveyEntry& a, const SurveyEntry& b) {
      return std::tie(a.group, a.name, a.cgroup) < std::tie(b.group, b.name, b.cgroup);
    });
    survey_.unread = files_.unread;
    return std::move(survey_);
  }

 private:
  template <typename Is>
  void count(SurveyEntry& entry, Is is) const {
    std::map<std::string, size_t> programs;
    for (const sys::Process& process : snapshot_.processes) {
      if (!process.alive() || process.kernel_thread() || !is(process)) continue;
      ++entry.processes;
      ++programs[sys::program_name(process)];
    }
    for (const auto& [name, number] : programs) entry.programs.push_back(name);
    std::stable_sort(entry.programs.begin(), entry.programs.end(),
                     [&](const std::string& a, const std::string& b) { return programs[a] > programs[b]; });
  }

  std::optional<std::string> refusal(const Target& target) const {
    auto judged = judge_candidates(target, std::nullopt, snapshot_, policies_);
    if (!judged) return judged.error().message();
    if (judged->refused.empty()) return std::nullopt;
    return judged->refused.front().rule;
  }

  void add_cgroup(SurveyEntry entry) {
    Target target;
    target.type = TargetType::kContainer;
    target.cgroup = entry.cgroup;
    count(entry, [&](const sys::Process& process) { return sys::in_cgroup(process, entry.cgroup); });
    entry.refused = refusal(target);
    survey_.entries.push_back(std::move(entry));
  }

  void add_units() {
    auto units = visible_units(snapshot_);
    std::map<std::string, int> times;
    for (const auto& [path, name] : units) ++times[name];
    for (const auto& [path, name] : units) {
      if (sys::container_of_cgroup(path)) continue;
      std::string shown = name.ends_with(".service") ? name.substr(0, name.size() - 8) : name;
      std::string line = times[name] > 1 || is_of_user_manager(path)
                             ? line_of("systemd", "cgroup", path)
                             : line_of("systemd", "name", sys::unit_name(shown) == name ? shown : name);
      add_cgroup({Group::kUnit, name, "", path, 0, {}, std::move(line), {}});
    }
  }

  void add_containers() {
    auto containers = visible_containers(snapshot_);
    std::map<std::string, int> times;
    for (const auto& [path, container] : containers) ++times[name_of(container)];
    for (const auto& [path, container] : containers) {
      std::string name = name_of(container);
      std::string line = times[name] > 1 || has_namesake(name, container, files_) ? line_of("container", "cgroup", path)
                                                                                  : line_of("container", "name", name);
      add_cgroup({Group::kContainer, name, container.runtime, path, 0, {}, std::move(line), {}});
    }
  }

  std::string name_of(const sys::ContainerPath& container) const {
    auto names = files_.names_of(container.id, container.cgroup);
    return names.empty() ? container.id.substr(0, kShownIdDigits) : names.front();
  }

  static bool is_plain_cgroup(const std::string& path) {
    return path != "/" && sys::units_of_cgroup(path).empty() && !sys::container_of_cgroup(path);
  }

  void add_cgroups() {
    std::set<std::string> paths;
    for (const sys::Process& process : snapshot_.processes)
      for (const sys::CgroupMembership& membership : process.cgroups)
        if (process.alive() && is_plain_cgroup(membership.path)) paths.insert(membership.path);
    for (const std::string& path : paths)
      add_cgroup({Group::kCgroup, path, "", path, 0, {}, line_of("container", "cgroup", path), {}});
  }

  // Programs that no line so far takes in: a process of them is in no cgroup but the root, or only in what is refused,
  // as what was started from the same shell as Ordeal is. The line takes in those of the name that are elsewhere, too.
  void add_other_processes() {
    std::set<std::string> alone, beside;
    for (const sys::Process& process : snapshot_.processes) {
      if (!process.alive() || process.kernel_thread() || taken_in(process)) continue;
      (in_a_cgroup(process) ? beside : alone).insert(sys::program_name(process));
    }
    for (const std::string& name : alone) survey_.entries.push_back(program(name));
    for (const std::string& name : beside)
      if (SurveyEntry entry = program(name); !alone.count(name) && !entry.refused)
        survey_.entries.push_back(std::move(entry));
  }

  bool taken_in(const sys::Process& process) const {
    return std::any_of(survey_.entries.begin(), survey_.entries.end(), [&](const SurveyEntry& entry) {
      return !entry.refused && !entry.cgroup.empty() && sys::in_cgroup(process, entry.cgroup);
    });
  }

  static bool in_a_cgroup(const sys::Process& process) {
    return std::any_of(process.cgroups.begin(), process.cgroups.end(),
                       [](const sys::CgroupMembership& membership) { return membership.path != "/"; });
  }

  SurveyEntry program(const std::string& name) const {
    SurveyEntry entry{Group::kProcess, name, "", "", 0, {}, line_of("process", "name", name), {}};
    entry.refused = refusal_of_own(name);
    count(entry, [&](const sys::Process& process) {
      return sys::program_name(process) == name && (entry.refused || !snapshot_.own.count(process.pid));
    });
    Target target;
    target.type = TargetType::kProcess;
    target.names = {name};
    if (!entry.refused) entry.refused = refusal(target);
    return entry;
  }

  // Ordeal itself, and what it was started from, no name of a process ever finds.
  std::optional<std::string> refusal_of_own(const std::string& name) const {
    std::optional<std::string> rule;
    for (const sys::Process& process : snapshot_.processes) {
      if (sys::program_name(process) != name || process.kernel_thread()) continue;
      if (!snapshot_.own.count(process.pid)) return std::nullopt;
      rule = sys::always_protected(process, snapshot_.own);
    }
    return rule;
  }

  void add_host() {
    SurveyEntry entry{Group::kHost, snapshot_.host, "", "", 0, {}, "target: {type: host}", {}};
    count(entry, [](const sys::Process&) { return true; });
    entry.programs.clear();
    entry.refused = refusal(Target{});
    survey_.entries.push_back(std::move(entry));
  }

  const Snapshot& snapshot_;
  const std::vector<Policy>& policies_;
  EngineFiles files_;
  Survey survey_;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

const char* to_text(Group group) {
  constexpr std::array kTexts{"systemd", "container", "cgroup", "process", "host"};
  return kTexts[static_cast<size_t>(group)];
}

Survey survey(const Snapshot& snapshot, const std::vector<Policy>& policies) {
  return Surveyor(snapshot, policies).take();
}

std::vector<SurveyEntry> filtered(const std::vector<SurveyEntry>& entries, const std::string& words) {
  std::vector<SurveyEntry> found;
  const std::string wanted = lower(words);
  for (const SurveyEntry& entry : entries) {
    std::vector<std::string> texts{to_text(entry.group), entry.name, entry.cgroup, entry.runtime};
    texts.insert(texts.end(), entry.programs.begin(), entry.programs.end());
    if (std::any_of(texts.begin(), texts.end(), [&](auto& text) { return lower(text).find(wanted) != text.npos; }))
      found.push_back(entry);
  }
  return found;
}

}  // namespace ordeal::target
