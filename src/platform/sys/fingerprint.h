// Fingerprint: what a fault could leave behind on this host, in this network namespace: links, qdiscs, filters,
// nftables and iptables rules, cgroup settings, mounts, the clock's offset. Read by the usual tools (`ip`, `tc`, `nft`,
// `iptables-save`); one that is missing or refused is said so and compared as that. Counters are left out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace ordeal::sys {

// Section to its lines, in an order that does not depend on the kernel's.
using Fingerprint = std::map<std::string, std::vector<std::string>>;

Fingerprint take_fingerprint();

constexpr const char* kCgroupSection = "cgroup settings";

struct Difference {
  std::string section;
  char sign;  // '+' for what the second has more, '-' for what it lacks
  std::string line;
  std::string text() const;  // "nft: + table inet x"
  bool operator==(const Difference&) const = default;
};

// What the second has more or less than the first. Cgroups that only one of them has are left out, since services come
// and go; their settings are compared where both have them. A line of nft begins with its table.
std::vector<Difference> compare(const Fingerprint& before, const Fingerprint& now);

}  // namespace ordeal::sys
