// Adviser: who reads each packet that a queue holds, and says what becomes of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace ordeal::packets {

struct Advice {
  enum class Act { kPass, kDrop, kHold, kReplace };
  Act act = Act::kPass;
  std::vector<uint8_t> packet{};  // with kReplace what goes on instead; with kDrop what is sent back, if anything
};

class Adviser {
 public:
  virtual ~Adviser() = default;
  virtual Advice advise(std::span<const uint8_t> packet) = 0;
};

}  // namespace ordeal::packets
