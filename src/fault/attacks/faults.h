// The faults themselves, each in its own .cc; registry.cc lists them.
#pragma once

#include "fault/attacks/fault.h"

namespace ordeal::fault {

const Fault& cpu_fault();
const Fault& latency_fault();
const Fault& pause_fault();
const Fault& process_killer_fault();
const Fault& shutdown_fault();

}  // namespace ordeal::fault
