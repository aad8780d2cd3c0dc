// Whether a network namespace rewrites addresses or ports of packets (a service mesh's REDIRECT, kube-proxy, Docker's
// published ports). There, before translation, a packet names no socket of the one that will get it.
#pragma once

#include "core/base/result.h"
#include "platform/sys/network/netns.h"

namespace ordeal::sys {

// True with a chain of nftables' type nat, or a table nat of the older iptables, whatever is in it.
Result<bool> translates_addresses(const NetNs& where);

}  // namespace ordeal::sys
