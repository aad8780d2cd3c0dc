// The last step of a selection: how many of those that the rules allow, and which. The same seed draws the same ones of
// the same list, on every machine.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"

namespace ordeal::target {

// By the target's count or percentage, rounded down. kRefused: that is none; kNotInjected: fewer than asked.
Result<int64_t> how_many(const Target& target, int64_t allowed);
// `number` of 0 … size-1, ascending; number <= size. The list must be in an order that does not change, as by name.
std::vector<size_t> draw(size_t size, int64_t number, uint64_t seed);

}  // namespace ordeal::target
