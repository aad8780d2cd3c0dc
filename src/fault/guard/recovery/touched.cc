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

// Of a cgroup, with all below it. A claim names the path within the hierarchy, whose own folder stands before it.
bool holds(std::string_view claim, std::string_view folder, std::string_view field) {
  if (!claim.ends_with(fmt::format("/{}", field))) return false;
  claim.remove_suffix(field.size() + 1);
  if (claim == "host" || claim == "cgroup:/") return true;
  if (!claim.starts_with("cgroup:")) return false;
  claim.remove_prefix(std::string_view("cgroup:").size());
  return fmt::format("{}/", folder).find(fmt::format("{}/", claim)) != std::string::npos;
}

// "/sys/fs/cgroup/freezer/shop/freezer.state = FROZEN".
bool is_claimed_setting(const std::string& line, const std::vector<std::string>& claims) {
  std::filesystem::path file = line.substr(0, line.find(" = "));
  std::string field = field_of(file.filename().string());
  if (field.empty()) return false;
  std::string folder = file.parent_path();
  return std::any_of(claims.begin(), claims.end(), [&](auto& claim) { return holds(claim, folder, field); });
}

}  // namespace

bool is_touched(const sys::Difference& difference, const std::vector<std::string>& claims) {
  bool known =
      std::all_of(claims.begin(), claims.end(), [](const std::string& claim) { return is_known_claim(claim); });
  if (!known) return true;
  if (difference.section == "nft") return difference.line.find(" ordeal_") != std::string::npos;
  return difference.section == sys::kCgroupSection && is_claimed_setting(difference.line, claims);
}

}  // namespace ordeal::guard
