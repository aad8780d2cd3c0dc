// The table of attacks: one line each, in the order in which they are listed. NAME stands for the function
// NAME_fault(), which the attack's own .cc defines; registry.cc makes the list of it.
#pragma once

#include "fault/attacks/fault.h"

// clang-format off
#define ORDEAL_EACH_FAULT(FAULT) \
  FAULT(cpu)                     \
  FAULT(latency)                 \
  FAULT(packet_loss)             \
  FAULT(pause)                   \
  FAULT(process_killer)          \
  FAULT(shutdown)
// clang-format on

namespace ordeal::fault {

#define ORDEAL_DECLARE_FAULT(name) const Fault& name##_fault();
ORDEAL_EACH_FAULT(ORDEAL_DECLARE_FAULT)
#undef ORDEAL_DECLARE_FAULT

}  // namespace ordeal::fault
