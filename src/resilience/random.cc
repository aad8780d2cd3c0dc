#include "ordeal/resilience/random.h"

#include <random>

namespace ordeal::resilience {

uint64_t Random::draw() {
  std::random_device device;
  return (static_cast<uint64_t>(device()) << 32) | device();
}

}  // namespace ordeal::resilience
