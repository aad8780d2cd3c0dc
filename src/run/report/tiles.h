// Tiles: the few figures that a reader looks for first, what went wrong before all others. Of every report that has
// room for them.
#pragma once

#include <string>
#include <vector>

#include "run/report/wording.h"

namespace ordeal::report {

struct Tile {
  Tone tone = Tone::kNeutral;
  std::string value;  // "13.4 s", "✕ failed"
  std::string name;   // "recovered in (p95 latency)"
};
std::vector<Tile> tiles_of(const RunSummary& summary);

}  // namespace ordeal::report
