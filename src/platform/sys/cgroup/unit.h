// Which systemd units a cgroup path belongs to, by the names that systemd gives their cgroups. Pure text: systemd is
// not asked. A unit is any that has a cgroup of its own: services, scopes, slices, and what sockets, mounts and swaps
// start. What a unit makes below itself is not a unit of this host: units end at a scope, and at a service that is no
// user's manager, so the systemd of a container never lends its names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal::sys {

struct UnitPath {
  std::string name;    // "nginx.service", as `systemctl` shows it
  std::string cgroup;  // the path up to and with the unit's own cgroup
  bool operator==(const UnitPath&) const = default;
};

// From the outermost slice to the innermost unit; none for a path that systemd did not make.
std::vector<UnitPath> units_of_cgroup(std::string_view path);
// As `systemctl` completes a name: "nginx" is "nginx.service"; one with a kind of unit stays.
std::string unit_name(std::string_view asked);

}  // namespace ordeal::sys
