#include "fault/guard/recovery/touched.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "core/model/claim.h"

namespace ordeal::guard {
namespace {

// What is claimed of a cgroup when this setting of it is changed; "" for one that no attack changes.
std::string field_of(std::string_view setting) {
  if (setting == "freezer.state" || setting == "cgroup.freeze") return "running";
  return setting.starts_with("cpu.") ? "cpu" : "";
}

bool is_below(std::string_view path, std::string_view top) {
  if (top == "/" || path == top) return true;
  return path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/';
}

// The innermost mount that shows the folder.
const sys::Hierarchy* hierarchy_of(std::string_view folder, const std::vector<sys::Hierarchy>& hierarchies) {
  const sys::Hierarchy* found = nullptr;
  for (const sys::Hierarchy& hierarchy : hierarchies)
    if (is_below(folder, hierarchy.mount) && (!found || hierarchy.mount.size() > found->mount.size()))
      found = &hierarchy;
  return found;
}

// Its path as claims and /proc/PID/cgroup name it: below a mount of "/docker/1" the folder "shop" is "/docker/1/shop".
std::string path_of(std::string_view folder, const sys::Hierarchy& hierarchy) {
  std::string below(folder.substr(hierarchy.mount.size()));
  if (hierarchy.root == "/") return below.empty() ? "/" : below;
  return hierarchy.root + below;
}

// Of a cgroup, with all below it. What cannot be placed in the hierarchy counts as held.
bool holds(std::string_view claim, std::string_view folder, std::string_view field,
           const std::vector<sys::Hierarchy>& hierarchies) {
  if (!claim.ends_with(fmt::format("/{}", field))) return false;
  claim.remove_suffix(field.size() + 1);
  if (claim == "host" || claim == "cgroup:/") return true;
  if (!claim.starts_with("cgroup:")) return false;
  claim.remove_prefix(std::string_view("cgroup:").size());
  const sys::Hierarchy* hierarchy = hierarchy_of(folder, hierarchies);
  if (!hierarchy || !is_below(claim, hierarchy->root)) return true;
  return is_below(path_of(folder, *hierarchy), claim);
}

// "/sys/fs/cgroup/freezer/shop/freezer.state = FROZEN".
bool is_claimed_setting(const std::string& line, const std::vector<std::string>& claims,
                        const std::vector<sys::Hierarchy>& hierarchies) {
  std::filesystem::path file = line.substr(0, line.find(" = "));
  std::string field = field_of(file.filename().string());
  if (field.empty()) return false;
  std::string folder = file.parent_path();
  return std::any_of(claims.begin(), claims.end(),
                     [&](auto& claim) { return holds(claim, folder, field, hierarchies); });
}

}  // namespace

bool is_touched(const sys::Difference& difference, const std::vector<std::string>& claims,
                const std::vector<sys::Hierarchy>& hierarchies) {
  bool known =
      std::all_of(claims.begin(), claims.end(), [](const std::string& claim) { return is_known_claim(claim); });
  if (!known) return true;
  if (difference.section == "nft") return difference.line.find(" ordeal_") != std::string::npos;
  return difference.section == sys::kCgroupSection && is_claimed_setting(difference.line, claims, hierarchies);
}

}  // namespace ordeal::guard
