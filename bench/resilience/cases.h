#pragma once

#include <memory>
#include <vector>

#include "measure.h"

namespace ordeal::bench {

// The payload of every case: nothing, but the compiler may not look across it.
inline void nothing() { asm volatile("" ::: "memory"); }

// `body(fixture, now)` so many times; `now` is a time that the caller has at hand, 10 ns later with each call.
template <class Fixture, class Body>
std::function<void(TimePoint, uint64_t)> repeat(std::shared_ptr<Fixture> fixture, Body body) {
  return [fixture, body](TimePoint now, uint64_t calls) {
    Fixture& used = *fixture;
    for (uint64_t i = 0; i < calls; ++i) {
      now += std::chrono::nanoseconds(10);
      body(used, now);
    }
  };
}

std::vector<Case> cases();   // the library, and what nothing can be cheaper than
std::vector<Case> shapes();  // how others count, written by hand

}  // namespace ordeal::bench
