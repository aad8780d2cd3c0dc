#include "run/session/cluster/returns.h"

#include <algorithm>

namespace ordeal::session {
namespace {

bool lives(const cluster::Pod& pod, bool was_ready) { return pod.runs() && (pod.ready || !was_ready); }

}  // namespace

void Returns::remember(int impact, const cluster::ClusterVictim& victim, const Kept<cluster::Pod>& pods) {
  if (known_.empty()) pods.each([this](const cluster::Pod& pod) { known_.insert(pod.uid); });
  const cluster::Pod* pod = pods.find(victim.uid);
  Before before{victim, "", false, {}, "", std::nullopt};
  if (pod) {
    before.owner = pod->controller ? pod->controller->uid : "";
    before.ready = pod->ready;
    for (const cluster::Container& container : pod->containers) before.containers[container.name] = container.id;
  }
  before_.insert_or_assign(impact, std::move(before));
}

bool Returns::restarted(const Before& before, const cluster::Pod& pod) const {
  bool any = false;
  for (const cluster::Container& container : pod.containers) {
    if (!before.victim.container.empty() && container.name != before.victim.container) continue;
    auto old = before.containers.find(container.name);
    any |= old != before.containers.end() && container.running && !container.id.empty() && container.id != old->second;
  }
  return any && (before.victim.container.empty() ? lives(pod, before.ready) : pod.runs());
}

void Returns::look_at_all(const Kept<cluster::Pod>& pods, BootTime now) {
  if (looked_ == now && looked_ != BootTime()) return;
  looked_ = now;
  fresh_.clear();
  pods.each([this](const cluster::Pod& pod) {
    if (pod.controller && pod.runs() && !known_.count(pod.uid)) fresh_[pod.controller->uid].push_back(pod.uid);
  });
  for (auto& [owner, uids] : fresh_) std::sort(uids.begin(), uids.end(), std::greater<>());
}

const cluster::Pod* Returns::replacement_of(Before& before, const Kept<cluster::Pod>& pods) {
  const cluster::Pod* pod = before.replacement.empty() ? nullptr : pods.find(before.replacement);
  if (pod) return pod;
  auto fresh = before.owner.empty() ? fresh_.end() : fresh_.find(before.owner);
  if (fresh == fresh_.end() || fresh->second.empty()) return nullptr;
  before.replacement = fresh->second.back();
  fresh->second.pop_back();
  known_.insert(before.replacement);
  return pods.find(before.replacement);
}

Returns::State Returns::look(int impact, const Kept<cluster::Pod>& pods, BootTime now) {
  auto found = before_.find(impact);
  if (found == before_.end()) return {};
  Before& before = found->second;
  const cluster::Pod* pod = pods.find(before.victim.uid);
  bool there = false;
  if (pod && !pod->terminating && pod->phase != "Failed" && pod->phase != "Succeeded") {
    there = restarted(before, *pod);
  } else {
    look_at_all(pods, now);
    const cluster::Pod* other = replacement_of(before, pods);
    there = other && lives(*other, before.ready);
  }
  if (there && !before.back) before.back = now;
  return {there, before.back.value_or(now)};
}

}  // namespace ordeal::session
