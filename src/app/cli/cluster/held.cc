#include "app/cli/cluster/held.h"

#include "app/cli/cluster/objects.h"

namespace ordeal::cli {

void HeldInjections::put(const json::Value& object) {
  std::string uid = text_at(object, "metadata.uid");
  fresh_.insert(uid);
  HeldNode held{text_at(object, "spec.node"), text_at(object, "spec.run"), text_at(object, "metadata.namespace"),
                text_at(object, "metadata.name"), text_at(object, "status.state")};
  if (held.state != "reverted") {
    if (!synced_) halted_->insert(held.run);
    left_[uid] = std::move(held);
    return;
  }
  left_.erase(uid);
  for (const json::Value& impact : list_at(object, "status.impacts")) note_failure(held.node, impact);
}

void HeldInjections::note_failure(const std::string& node, const json::Value& impact) {
  const json::Value* clean = field_at(impact, "clean");
  bool dirty = clean && clean->is_bool() && !clean->get_bool();
  if (!dirty && text_at(impact, "code") != "revert_failed") return;
  std::string error = text_at(impact, "error");
  failed_[node] = error.empty() ? text_at(impact, "why") : error;
}

void HeldInjections::gone(const json::Value& object) {
  put(object);
  if (auto left = left_.extract(text_at(object, "metadata.uid"))) unconfirmed_.insert(std::move(left));
}

void HeldInjections::synced() {
  for (auto it = left_.begin(); it != left_.end();) {
    auto one = it++;
    if (fresh_.count(one->first) == 0) unconfirmed_.insert(left_.extract(one));
  }
  synced_ = true;
}

}  // namespace ordeal::cli
