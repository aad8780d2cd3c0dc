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

// "nft: + table inet x", "mounts: - /mnt": what the second has more or less than the first. Cgroups that only one of
// them has are left out, since services come and go; their settings are compared where both have them.
std::vector<std::string> compare(const Fingerprint& before, const Fingerprint& now);

}  // namespace ordeal::sys
