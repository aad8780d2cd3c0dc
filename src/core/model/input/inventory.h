// Inventory: which processes and containers of this host stand for the namespaces and labels of an experiment
// (docs/formats/inventory.md). It names candidates; it never makes anything a victim by itself.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/yaml.h"
#include "core/model/victim.h"

namespace ordeal {

struct InventoryEntry {
  std::string name;
  VictimKind kind = VictimKind::kPod;  // pod, container or process
  std::string namespace_;
  Labels labels;
  std::string zone;
  // exactly one of:
  std::string cgroup;
  pid_t pid = 0;
  std::string match;  // RE2 on the whole command line
};

Result<std::vector<InventoryEntry>> decode_inventory(const json::Document& document);

}  // namespace ordeal
