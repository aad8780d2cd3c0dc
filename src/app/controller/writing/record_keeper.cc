#include "app/controller/writing/record_keeper.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/model/cluster/names.h"
#include "platform/kube/access/base64.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kRecordEvery = 1s;
constexpr const char* kRecordManager = "ordeal-controller";
constexpr const char* kKey = "record.gz";

json::Value owner_reference(const RecordOwner& owner) {
  return json::Object{
      {"apiVersion", cluster::kApiVersion}, {"kind", "Experiment"}, {"name", owner.experiment}, {"uid", owner.uid}};
}

const json::Value* field_of(const json::Value& value, std::initializer_list<const char*> path) {
  const json::Value* found = &value;
  for (const char* key : path) {
    found = found && found->is_object() ? found->get_object().if_contains(key) : nullptr;
    if (!found) return nullptr;
  }
  return found;
}

// Its number, where it is one of the owner's.
std::optional<int> part_of(const RecordOwner& owner, const json::Value& map) {
  const json::Value* owners = field_of(map, {"metadata", "ownerReferences"});
  const json::Value* uid = owners && owners->is_array() && owners->get_array().size() == 1
                               ? field_of(owners->get_array()[0], {"uid"})
                               : nullptr;
  if (!uid || *uid != json::Value(owner.uid)) return std::nullopt;
  const json::Value* name = field_of(map, {"metadata", "name"});
  for (int part = 0; part < store::kMostParts; ++part)
    if (name && *name == json::Value(record_name(owner.run, part))) return part;
  return std::nullopt;
}

}  // namespace

std::string record_name(const std::string& run, int part) { return fmt::format("ordeal-{}-{}", run, part); }

kube::Request record_write(const RecordOwner& owner, const store::RecordPart& part) {
  json::Object labels{{cluster::kRecordLabel, "true"},
                      {cluster::kExperimentLabel, cluster::label_value(owner.experiment)},
                      {cluster::kRunLabel, owner.run}};
  std::string name = record_name(owner.run, part.index);
  json::Object metadata{{"name", name},
                        {"namespace", owner.namespace_},
                        {"labels", std::move(labels)},
                        {"ownerReferences", json::Array{owner_reference(owner)}}};
  json::Value body = json::Object{{"apiVersion", "v1"},
                                  {"kind", "ConfigMap"},
                                  {"metadata", std::move(metadata)},
                                  {"binaryData", json::Object{{kKey, kube::encode_base64(part.gzip)}}}};
  kube::Request request = kube::apply(kube::kConfigMaps, {owner.namespace_, name}, body, kRecordManager, true);
  request.timeout = 20s;
  return request;
}

std::vector<store::RecordPart> record_parts(const RecordOwner& owner, const json::Array& config_maps) {
  std::vector<store::RecordPart> parts;
  for (const json::Value& map : config_maps) {
    auto index = part_of(owner, map);
    const json::Value* data = field_of(map, {"binaryData", kKey});
    auto bytes = data && data->is_string() ? kube::decode_base64(data->get_string()) : std::nullopt;
    if (index && bytes) parts.push_back({*index, false, std::move(*bytes)});
  }
  return parts;
}

RecordKeeper::RecordKeeper(session::Send send, session::Now now, RecordOwner owner, const store::NewRun& run)
    : now_(now), outbox_(std::move(send), std::move(now), 1), owner_(std::move(owner)), record_(run) {}

BootTime RecordKeeper::next_wake() const {
  BootTime next = outbox_.next_wake();
  if (!record_.changed() || !outbox_.empty()) return next;
  return std::min(next, finishing_ ? BootTime() : written_ + kRecordEvery);
}

void RecordKeeper::dispatch() {
  if (record_.changed() && outbox_.empty() && (finishing_ || now_() - written_ >= kRecordEvery)) {
    written_ = now_();
    for (const store::RecordPart& part : record_.take_changed())
      outbox_.add(record_write(owner_, part), [this](const kube::Answer<json::Value>& answer) {
        trouble_ = answer ? "" : answer.error().error("cannot write the record").message();
      });
  }
  outbox_.dispatch();
}

}  // namespace ordeal::controller
