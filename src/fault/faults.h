// The faults themselves, each in its own .cc; registry.cc lists them. And what is common to their descriptions.
#pragma once

#include "fault/fault.h"

namespace ordeal::fault {

const Fault& cpu_fault();
const Fault& pause_fault();
const Fault& process_killer_fault();
const Fault& shutdown_fault();

// How long the attack is in force: its length, after its delay when it has one (shutdown's length counts from the
// kill).
Nanos whole_length(const Attack& attack);

}  // namespace ordeal::fault
