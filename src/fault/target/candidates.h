// Candidates: every victim that a target describes, before any rule and any choice of how many.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/input/inventory.h"
#include "fault/target/snapshot.h"

namespace ordeal::target {

// Nothing: no inventory was given.
using Inventory = std::optional<std::vector<InventoryEntry>>;

struct Candidates {
  std::vector<Victim> victims;
  // For each victim: who else it is by the inventory. Rules are judged for all of these.
  std::vector<std::vector<Victim>> also;
  std::vector<std::string> notes;
};

Result<Candidates> find_candidates(const Target& target, const Inventory& inventory, const Snapshot& snapshot);

}  // namespace ordeal::target
