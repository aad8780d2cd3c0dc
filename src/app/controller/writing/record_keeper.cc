#include "app/controller/writing/record_keeper.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"
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

std::vector<store::RecordPart> record_parts(const json::Array& config_maps) {
  std::vector<store::RecordPart> parts;
  for (const json::Value& map : config_maps) {
    const json::Value* name = field_of(map, {"metadata", "name"});
    const json::Value* data = field_of(map, {"binaryData"});
    if (!name || !name->is_string() || !data || !data->is_object() || data->get_object().size() != 1) continue;
    std::string_view text(name->get_string());
    auto index = parse_number<int>(text.substr(text.rfind('-') + 1));
    const json::Value& only = data->get_object().begin()->value();
    auto bytes = only.is_string() ? kube::decode_base64(only.get_string()) : std::nullopt;
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
