#include "app/controller/seeing/watches.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

std::string text_at(const json::Value& object, std::initializer_list<std::string_view> path) {
  const json::Value* found = &object;
  for (std::string_view key : path) {
    found = found->is_object() ? found->get_object().if_contains(key) : nullptr;
    if (!found) return "";
  }
  return found->is_string() ? std::string(found->get_string()) : "";
}

std::optional<std::string> policy_text(const json::Value& config_map) {
  const json::Value* data = config_map.is_object() ? config_map.get_object().if_contains("data") : nullptr;
  if (!data || !data->is_object()) return std::nullopt;
  const json::Object& all = data->get_object();
  const json::Value* text = all.if_contains(cluster::kPolicyKey);
  if (!text && all.size() == 1) text = &all.begin()->value();
  return text && text->is_string() ? std::optional(std::string(text->get_string())) : std::nullopt;
}

json::Value halt_of_map(const json::Value& map) {
  bool engaged = text_at(map, {"data", "engaged"}) != "false";
  return json::Object{
      {"metadata",
       json::Object{{"name", cluster::kHaltConfigMap}, {"uid", text_at(map, {"metadata", "uid"})}, {"generation", 1}}},
      {"spec",
       json::Object{
           {"engaged", engaged}, {"reason", text_at(map, {"data", "reason"})}, {"by", text_at(map, {"data", "by"})}}}};
}

}  // namespace

Watches::Watches(kube::Client& client, const ProgramOptions& options, ClusterStores& stores, Controller& controller,
                 std::function<void(const std::string&)> log)
    : client_(client), options_(options), stores_(stores), controller_(controller), log_(std::move(log)) {
  watch_experiments();
  watch_injections();
  watch_pods();
  watch_budgets();
  watch_halt();
  watch_policy();
  if (options_.whole_cluster)
    watch_nodes();
  else
    stores_.nodes.synced();
  stores_.hearing = [this] { return injections_->in_sync(); };
}

void Watches::add(kube::MirrorOptions options, kube::MirrorHandlers handlers) {
  size_t index = listed_.size();
  listed_.push_back(false);
  auto synced = std::move(handlers.synced);
  handlers.synced = [this, index, synced] {
    listed_[index] = true;
    synced();
  };
  std::string of = kube::to_text(options.resource);
  handlers.trouble = [this, of, index](const kube::ApiFailure& failure) {
    trouble(listed_[index] ? "" : of, failure);
    if (listed_[index]) log_(failure.error("watching " + of).message());
  };
  mirrors_.push_back(std::make_unique<kube::Mirror>(client_, std::move(options), std::move(handlers)));
}

void Watches::trouble(const std::string& of, const kube::ApiFailure& failure) {
  using Kind = kube::ApiFailure::Kind;
  if (of.empty()) return;
  bool useless = failure.kind == Kind::kUnauthorized || failure.kind == Kind::kForbidden || failure.no_such_resource;
  Error error = failure.error("cannot list " + of);
  if (useless) useless_ = error;
  log_(error.message());
}

void Watches::watch_experiments() {
  kube::MirrorHandlers handlers;
  handlers.put = [this](json::Value&& object) { controller_.put_experiment(std::move(object)); };
  handlers.gone = [this](const json::Value& object) { controller_.remove_experiment(object); };
  handlers.relist = [this] { controller_.relist_experiments(); };
  handlers.synced = [this] { controller_.experiments_synced(); };
  add({kube::kExperiments, {scope(), ""}}, std::move(handlers));
}

void Watches::watch_injections() {
  kube::MirrorHandlers handlers;
  handlers.put = [this](const json::Value& object) { controller_.put_injection(object); };
  handlers.gone = [this](const json::Value& object) { controller_.remove_injection(object); };
  handlers.relist = [this] { controller_.relist_injections(); };
  handlers.synced = [this] { controller_.injections_synced(); };
  add({kube::kInjections, {scope(), ""}}, std::move(handlers));
  injections_ = mirrors_.back().get();
}

void Watches::watch_pods() {
  kube::MirrorHandlers handlers;
  handlers.put = [this](const json::Value& object) {
    if (auto pod = cluster::pod_from_json(object)) stores_.put_pod(std::move(*pod));
  };
  handlers.gone = [this](const json::Value& object) { stores_.remove_pod(text_at(object, {"metadata", "uid"})); };
  handlers.relist = [this] { stores_.pods.relist(); };
  handlers.synced = [this] { stores_.pods_synced(); };
  add({kube::kPods, {scope(), ""}}, std::move(handlers));
}

void Watches::watch_nodes() {
  kube::MirrorHandlers handlers;
  handlers.put = [this](const json::Value& object) {
    auto node = cluster::node_from_json(object);
    if (!node) return;
    std::string name = node->name;
    stores_.nodes.put(name, std::move(*node));
  };
  handlers.gone = [this](const json::Value& object) { stores_.nodes.remove(text_at(object, {"metadata", "name"})); };
  handlers.relist = [this] { stores_.nodes.relist(); };
  handlers.synced = [this] { stores_.nodes.synced(); };
  add({kube::kNodes}, std::move(handlers));
}

void Watches::watch_budgets() {
  auto key = [](const json::Value& object) {
    return text_at(object, {"metadata", "namespace"}) + "/" + text_at(object, {"metadata", "name"});
  };
  kube::MirrorHandlers handlers;
  handlers.put = [this, key](const json::Value& object) {
    if (auto budget = cluster::budget_from_json(object)) stores_.budgets.put(key(object), std::move(*budget));
  };
  handlers.gone = [this, key](const json::Value& object) { stores_.budgets.remove(key(object)); };
  handlers.relist = [this] { stores_.budgets.relist(); };
  handlers.synced = [this] { stores_.budgets.synced(); };
  add({kube::kBudgets, {scope(), ""}}, std::move(handlers));
}

void Watches::watch_halt() {
  bool whole = options_.whole_cluster;
  kube::MirrorHandlers handlers;
  handlers.put = [this, whole](const json::Value& object) {
    halt_seen_ = true;
    json::Value map = whole ? json::Value() : halt_of_map(object);
    stores_.put_halt(whole ? &object : &map);
  };
  handlers.gone = [this](const json::Value&) { stores_.put_halt(nullptr); };
  handlers.relist = [this] { halt_seen_ = false; };
  handlers.synced = [this] {
    if (!halt_seen_) stores_.put_halt(nullptr);
  };
  if (whole)
    add({kube::kHalts, {"", cluster::kHaltName}}, std::move(handlers));
  else
    add({kube::kConfigMaps, {options_.namespace_, cluster::kHaltConfigMap}}, std::move(handlers));
}

void Watches::watch_policy() {
  kube::MirrorHandlers handlers;
  handlers.put = [this](const json::Value& object) {
    policy_seen_ = true;
    stores_.put_policy(policy_text(object));
  };
  handlers.gone = [this](const json::Value&) { stores_.put_policy(std::nullopt); };
  handlers.relist = [this] { policy_seen_ = false; };
  handlers.synced = [this] {
    if (!policy_seen_) stores_.put_policy(std::nullopt);
  };
  add({kube::kConfigMaps, options_.policy}, std::move(handlers));
}

bool Watches::ready() const {
  return std::all_of(listed_.begin(), listed_.end(), [](bool listed) { return listed; });
}

BootTime Watches::next_wake() const {
  BootTime next = BootTime::max();
  for (const auto& mirror : mirrors_) next = std::min(next, mirror->next_wake());
  return next;
}

void Watches::dispatch() {
  for (const auto& mirror : mirrors_) mirror->dispatch();
}

}  // namespace ordeal::controller
