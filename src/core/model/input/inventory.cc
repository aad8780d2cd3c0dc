#include "core/model/input/inventory.h"

#include <set>

#include "core/json/reader.h"
#include "core/model/input/kubernetes_names.h"

namespace ordeal {
namespace {

Result<InventoryEntry> decode_entry(const json::Reader& reader) {
  TRY_VOID(reader.only({"name", "kind", "namespace", "labels", "zone", "cgroup", "pid", "match"}));
  InventoryEntry entry;
  entry.name = TRY(TRY(reader.at("name")).text());
  std::string kind = TRY(TRY(reader.at("kind")).word({"pod", "container", "process"}));
  entry.kind = kind == "pod" ? VictimKind::kPod : kind == "container" ? VictimKind::kContainer : VictimKind::kProcess;
  if (auto field = TRY(reader.find("namespace"))) entry.namespace_ = TRY(decode_namespace(*field));
  if (auto field = TRY(reader.find("zone"))) entry.zone = TRY(field->text());
  if (auto field = TRY(reader.find("labels"))) entry.labels = TRY(decode_labels(*field));
  int ways = 0;
  if (auto field = TRY(reader.find("cgroup"))) ++ways, entry.cgroup = TRY(field->text());
  if (auto field = TRY(reader.find("pid"))) ++ways, entry.pid = static_cast<pid_t>(TRY(field->integer(2, 1 << 22)));
  if (auto field = TRY(reader.find("match"))) ++ways, entry.match = TRY(field->text());
  if (ways != 1) return reader.refuse("expected exactly one of cgroup, pid and match");
  return entry;
}

}  // namespace

Result<std::vector<InventoryEntry>> decode_inventory(const json::Document& document) {
  std::vector<InventoryEntry> entries;
  std::set<std::string> names;
  for (const json::Reader& item : TRY(json::Reader(document).items())) {
    InventoryEntry entry = TRY(decode_entry(item));
    if (!names.insert(entry.name).second) return item.refuse("the name \"" + entry.name + "\" is given twice");
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace ordeal
