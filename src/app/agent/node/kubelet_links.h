// What a network fault on a node leaves alone, since the kubelet lives by it: the connections that the kubelet has, by
// what /proc says of its sockets, and the ports on which it is called.
#pragma once

#include <string>
#include <vector>

#include "core/model/cluster/pod.h"
#include "fault/packets/exemption.h"
#include "fault/target/snapshot.h"

namespace ordeal::agent {

// kRefused where no kubelet is found, or none that is connected: then nobody knows what must not be cut off. What it
// asks of `pods`, its probes, is not exempt.
Result<std::vector<packets::Exemption>> exempt_kubelet(const target::Snapshot& snapshot,
                                                       const std::vector<cluster::Pod>& pods,
                                                       const std::string& proc = "/proc");

}  // namespace ordeal::agent
