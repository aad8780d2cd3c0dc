// Whether a load read and wrote what it was to, by the kernel's count of the bytes that went to and from the disk.
#pragma once

#include <cstdint>
#include <string>

#include "core/model/proof.h"

namespace ordeal::fault {

struct IoUse {
  bool reads = false;  // asked
  bool writes = false;
  int64_t read = 0;  // bytes
  int64_t written = 0;
  double seconds = 0;  // that it was watched
  double busy = 0;     // of these, in which each direction that was asked went on
  std::string where;
};

Proof prove_io(const IoUse& use);

}  // namespace ordeal::fault
