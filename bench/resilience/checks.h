// What must hold and is no price. Each check prints its line and says whether it held.
#pragma once

#include <cstdint>

namespace ordeal::bench {

struct Trials {
  uint64_t of_two = 20'000, of_hundred = 200;
};

bool check_stampede(const Trials& trials);  // E: of all that race, exactly as many as there are probes
bool check_records();                       // F: two threads, ten million each, no result and no refusal lost
bool check_exactness();                     // G: opens at the failure that reaches the threshold, not one later
bool check_memory();                        // H: ten thousand breakers

}  // namespace ordeal::bench
