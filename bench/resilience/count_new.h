// Counts what the program allocates: it replaces the global operator new.
#pragma once

#include <cstdint>

namespace ordeal::bench {

uint64_t allocations();  // by this thread
int64_t live_bytes();    // as asked for, of all threads

}  // namespace ordeal::bench
