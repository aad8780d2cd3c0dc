#include "fault/target/lookup.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "platform/sys/cgroup/unit.h"
#include "platform/sys/nearest.h"

namespace ordeal::target {
namespace {

constexpr size_t kIdDigits = 64;
constexpr std::string_view kOneOfThem = "give the path of the one that you mean: cgroup: ";

template <typename Take>
void for_each_path(const Snapshot& snapshot, Take take) {
  std::set<std::string_view> seen;
  for (const sys::Process& process : snapshot.processes)
    for (const sys::CgroupMembership& membership : process.cgroups)
      if (process.alive() && seen.insert(membership.path).second) take(membership.path);
}

std::string advice_for(const std::string& near) {
  return near.empty() ? "`ordeal targets` lists what is here" : fmt::format("did you mean \"{}\"?", near);
}

std::string short_name(std::string name) {
  if (name.ends_with(".service")) name.resize(name.size() - std::string_view(".service").size());
  return name;
}

bool is_id(const std::string& asked, const std::string& id) {
  return asked == id || (asked.size() >= kShownIdDigits && id.size() == kIdDigits && id.starts_with(asked));
}

std::string engine_and_id(const sys::ContainerPath& container) {
  return fmt::format("{} {}", container.runtime, container.id.substr(0, kShownIdDigits));
}

struct ContainerMatch {
  sys::ContainerPath container;
  std::string name;
};

// The containers among `visible` that are called so.
std::vector<ContainerMatch> called(const std::string& asked, const std::map<std::string, sys::ContainerPath>& visible,
                                   const EngineFiles& files) {
  std::vector<ContainerMatch> matches;
  for (const auto& [cgroup, container] : visible) {
    auto names = files.names_of(container.id, cgroup);
    bool by_name = std::find(names.begin(), names.end(), asked) != names.end();
    if (by_name || is_id(asked, container.id))
      matches.push_back({container, by_name ? asked : container.id.substr(0, kShownIdDigits)});
  }
  return matches;
}

// Another container of the host with this name that does not run: it may be the one that is meant.
std::optional<Error> namesake(const std::string& asked, const sys::ContainerPath& match, const EngineFiles& files) {
  for (const NamedContainer& known : files.containers) {
    bool called = std::find(known.names.begin(), known.names.end(), asked) != known.names.end();
    if (!called || known.owner != 0 || known.id == match.id) continue;
    return Error{Errc::kInvalidInput,
                 fmt::format("2 containers are named {}: {} ({}), and {} {}, which does not run", asked,
                             engine_and_id(match), match.cgroup, known.engine, known.id.substr(0, kShownIdDigits)),
                 0, fmt::format("{}{}", kOneOfThem, match.cgroup), nullptr};
  }
  return std::nullopt;
}

Unexpected no_container(const std::string& asked, const EngineFiles& files,
                        const std::map<std::string, sys::ContainerPath>& visible, std::vector<std::string> others) {
  for (const NamedContainer& known : files.containers) {
    bool meant = std::find(known.names.begin(), known.names.end(), asked) != known.names.end();
    if (meant || is_id(asked, known.id))
      return fail(Errc::kNotInjected,
                  fmt::format("{} knows the container {} ({}), and none of its processes is running here", known.engine,
                              asked, known.id.substr(0, kShownIdDigits)),
                  "start it first");
    others.insert(others.end(), known.names.begin(), known.names.end());
  }
  std::string text = fmt::format("no container is named {}; {} are running here", asked, visible.size());
  if (!files.unread.empty()) text += "; not read: " + join(files.unread, "; ");
  return fail(Errc::kInvalidInput, text, advice_for(sys::nearest_name(asked, others)));
}

}  // namespace

bool is_of_user_manager(const std::string& path) {
  size_t manager = path.find("/user@");
  return manager != std::string::npos && path.find('/', manager + 1) != std::string::npos;
}

bool has_namesake(const std::string& name, const sys::ContainerPath& container, const EngineFiles& files) {
  return namesake(name, container, files).has_value();
}

std::map<std::string, sys::ContainerPath> visible_containers(const Snapshot& snapshot) {
  std::map<std::string, sys::ContainerPath> found;
  for_each_path(snapshot, [&](const std::string& path) {
    if (auto container = sys::container_of_cgroup(path)) found.emplace(container->cgroup, *container);
  });
  return found;
}

std::map<std::string, std::string> visible_units(const Snapshot& snapshot) {
  std::map<std::string, std::string> found;
  for_each_path(snapshot, [&](const std::string& path) {
    for (sys::UnitPath& unit : sys::units_of_cgroup(path)) found.emplace(std::move(unit.cgroup), std::move(unit.name));
  });
  return found;
}

EngineFiles engine_files(const Snapshot& snapshot) {
  std::set<uid_t> users;
  for_each_path(snapshot, [&](const std::string& path) {
    auto segments = split_words(path, "/");
    if (segments.size() < 2 || segments[0] != "user.slice") return;
    std::string_view name = segments[1];
    if (!name.starts_with("user-") || !name.ends_with(".slice")) return;
    if (auto user = parse_number<uid_t>(name.substr(5, name.size() - 11)); user && *user != 0) users.insert(*user);
  });
  return read_engine_files(snapshot.root, users);
}

Result<Found> find_unit(const std::string& asked, const std::string& cgroup, const Snapshot& snapshot) {
  const std::string name = sys::unit_name(asked);
  std::vector<std::string> names, paths, of_users;
  for (const auto& [path, unit] : visible_units(snapshot)) {
    names.push_back(short_name(unit));
    if (unit != name || (!cgroup.empty() && path != cgroup)) continue;
    (cgroup.empty() && is_of_user_manager(path) ? of_users : paths).push_back(path);
  }
  if (paths.size() == 1) return Found{name, paths.front()};
  if (paths.size() > 1)
    return fail(Errc::kInvalidInput, fmt::format("{} units are named {}: {}", paths.size(), name, join(paths, ", ")),
                fmt::format("{}{}", kOneOfThem, paths.front()));
  if (!of_users.empty())
    return fail(Errc::kInvalidInput, fmt::format("no host unit {} has a process; a user has a unit of that name", name),
                fmt::format("{}{}", kOneOfThem, of_users.front()));
  std::stable_partition(names.begin(), names.end(), [](auto& unit) { return !unit.ends_with(".slice"); });
  std::string where = cgroup.empty() ? "" : " at " + cgroup;
  return fail(Errc::kInvalidInput,
              fmt::format("no systemd unit {}{} has a process; {}", name, where,
                          counted(names.size(), "other does", "others do")),
              advice_for(sys::nearest_name(short_name(name), names)));
}

Result<Found> unit_at(const std::string& cgroup, const Snapshot& snapshot) {
  auto visible = visible_units(snapshot);
  if (auto unit = visible.find(cgroup); unit != visible.end()) return Found{unit->second, cgroup};
  std::vector<std::string> paths;
  for (const auto& [path, unit] : visible) paths.push_back(path);
  return fail(
      Errc::kInvalidInput,
      fmt::format("no systemd unit at {} has a process; {}", cgroup, counted(paths.size(), "other does", "others do")),
      advice_for(sys::nearest_name(cgroup, paths)));
}

Result<Found> find_container(const std::string& asked, const std::string& cgroup, const Snapshot& snapshot,
                             std::vector<std::string> others) {
  auto visible = visible_containers(snapshot);
  EngineFiles files = engine_files(snapshot);
  std::vector<ContainerMatch> matches = called(asked, visible, files);
  if (cgroup.empty() && matches.size() == 1)
    if (auto other = namesake(asked, matches.front().container, files)) return tl::unexpected(std::move(*other));
  if (!cgroup.empty()) std::erase_if(matches, [&](auto& match) { return match.container.cgroup != cgroup; });
  if (matches.size() == 1) return Found{matches.front().name, matches.front().container.cgroup};
  if (matches.empty()) return no_container(asked, files, visible, std::move(others));
  std::vector<std::string> texts;
  for (const ContainerMatch& match : matches)
    texts.push_back(fmt::format("{} ({})", engine_and_id(match.container), match.container.cgroup));
  return fail(Errc::kInvalidInput,
              fmt::format("{} containers are named {}: {}", matches.size(), asked, join(texts, ", ")),
              fmt::format("{}{}", kOneOfThem, matches.front().container.cgroup));
}

}  // namespace ordeal::target
