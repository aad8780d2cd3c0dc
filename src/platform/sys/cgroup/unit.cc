#include "platform/sys/cgroup/unit.h"

#include <algorithm>
#include <array>

#include "core/base/text/text.h"

namespace ordeal::sys {
namespace {

constexpr std::array<std::string_view, 6> kUnitKinds{".service", ".scope", ".slice", ".socket", ".mount", ".swap"};

bool is_unit(std::string_view name) {
  return std::any_of(kUnitKinds.begin(), kUnitKinds.end(),
                     [&](std::string_view kind) { return name.size() > kind.size() && name.ends_with(kind); });
}

// systemd puts "_" before a name that the kernel could take for a file of the cgroup ("_cpu.service").
std::string_view unescaped(std::string_view segment) { return segment.starts_with('_') ? segment.substr(1) : segment; }

bool holds_units(std::string_view name) { return name.ends_with(".slice") || name.starts_with("user@"); }

}  // namespace

std::vector<UnitPath> units_of_cgroup(std::string_view path) {
  std::vector<UnitPath> units;
  for (std::string_view segment : split_words(path, "/")) {
    std::string_view name = unescaped(segment);
    if (!is_unit(name)) break;
    auto end = static_cast<size_t>(segment.data() + segment.size() - path.data());
    units.push_back({std::string(name), std::string(path.substr(0, end))});
    if (!holds_units(name)) break;
  }
  return units;
}

std::string unit_name(std::string_view asked) {
  return is_unit(asked) ? std::string(asked) : std::string(asked) + ".service";
}

}  // namespace ordeal::sys
