// The table of attacks: one line each, in the order in which they are listed. NAME stands for the function
// NAME_fault(), which the attack's own .cc defines; registry.cc makes the list of it.
#pragma once

#include "fault/attacks/fault.h"

// clang-format off
#define ORDEAL_EACH_FAULT(FAULT) \
  FAULT(bandwidth)               \
  FAULT(blackhole)               \
  FAULT(corrupt)                 \
  FAULT(cpu)                     \
  FAULT(disk)                    \
  FAULT(dns)                     \
  FAULT(duplicate)               \
  FAULT(io)                      \
  FAULT(latency)                 \
  FAULT(memory)                  \
  FAULT(packet_loss)             \
  FAULT(partition)               \
  FAULT(pause)                   \
  FAULT(process_exhaustion)      \
  FAULT(process_killer)          \
  FAULT(reorder)                 \
  FAULT(reset)                   \
  FAULT(shutdown)                \
  FAULT(certificate_expiry)
// clang-format on

namespace ordeal::fault {

#define ORDEAL_DECLARE_FAULT(name) const Fault& name##_fault();
ORDEAL_EACH_FAULT(ORDEAL_DECLARE_FAULT)
#undef ORDEAL_DECLARE_FAULT

}  // namespace ordeal::fault
