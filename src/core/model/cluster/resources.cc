#include "core/model/cluster/resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/model/cluster/names.h"
#include "core/model/cluster/reading.h"
#include "core/model/cluster/shapes.h"

namespace ordeal::cluster {
namespace {

using json::Reader;

// What names a pod or container must be there: an agent looks for no other one in its place.
Result<> check_victim(const Reader& reader, const ClusterVictim& victim) {
  TRY_VOID(TRY(reader.at("kind")).word({"pod", "container", "node"}).map([](auto) {}));
  std::vector<std::string_view> needed{"uid"};
  if (victim.kind != "node") needed.insert(needed.end(), {"namespace", "pod"});
  if (victim.kind == "container") needed.insert(needed.end(), {"container", "containerID"});
  for (std::string_view key : needed) TRY_VOID(TRY(reader.at(key)).text().map([](auto) {}));
  return {};
}

Result<> check_spec(const Reader& reader, const InjectionSpec& spec) {
  for (std::string_view key : {"run", "experiment", "experimentUID", "node"})
    TRY_VOID(TRY(reader.at(key)).text().map([](auto) {}));
  if (spec.lease <= Nanos(0) || spec.lease > kLongestLease)
    return TRY(reader.at("leaseMs")).expected(fmt::format("above 0 and at most {}", to_millis(kLongestLease)));
  std::vector<Reader> impacts = TRY(TRY(reader.at("impacts")).items());
  std::set<int> ids;
  for (size_t i = 0; i < impacts.size(); ++i) {
    TRY_VOID(check_victim(TRY(impacts[i].at("victim")), spec.impacts[i].victim));
    if (!ids.insert(spec.impacts[i].id).second) return TRY(impacts[i].at("id")).refuse("another impact has this id");
  }
  return {};
}

// name, namespace, uid and the rest that every object has.
template <typename T>
Result<Reader> take_metadata(const Reader& object, T& into) {
  Reader metadata = TRY(object.at("metadata"));
  into.name = TRY(TRY(metadata.at("name")).text());
  into.namespace_ = TRY(TRY(metadata.at("namespace")).text());
  into.uid = TRY(TRY(metadata.at("uid")).text());
  TRY_VOID(take(metadata, "resourceVersion", into.version));
  into.deleting = TRY(metadata.find("deletionTimestamp")).has_value();
  return metadata;
}

// Before its writer has seen the object there is none, or one that says nothing.
template <typename T>
Result<> take_status(const Reader& object, T& into) {
  auto status = TRY(object.find("status"));
  if (!status || status->value() == json::Object()) return {};
  into = TRY(json::Codec<T>::read(*status));
  return {};
}

Result<Injection> identity_from_json(const json::Value& value) {
  Injection injection;
  Reader metadata = TRY(take_metadata(Reader(value, kNoLines), injection));
  if (auto finalizers = TRY(metadata.find("finalizers")))
    for (const Reader& item : TRY(finalizers->items()))
      injection.has_finalizer |= item.value() == json::Value(kFinalizer);
  if (auto labels = TRY(metadata.find("labels"))) {
    TRY_VOID(take(*labels, kNodeLabel, injection.spec.node));
    TRY_VOID(take(*labels, kRunLabel, injection.spec.run));
  }
  return injection;
}

Result<> take_spec_of(const json::Value& value, Injection& injection) {
  Reader spec = TRY(Reader(value, kNoLines).at("spec"));
  injection.spec = TRY(json::Codec<InjectionSpec>::read(spec));
  return check_spec(spec, injection.spec);
}

Result<Halt> read_halt(const Reader& object) {
  Halt halt;
  Reader metadata = TRY(object.at("metadata"));
  halt.uid = TRY(TRY(metadata.at("uid")).text());
  TRY_VOID(take(metadata, "resourceVersion", halt.version));
  TRY_VOID(take(metadata, "generation", halt.generation));
  auto spec = TRY(object.find("spec"));
  if (!spec) return halt;
  TRY_VOID(take(*spec, "engaged", halt.engaged));
  TRY_VOID(take(*spec, "reason", halt.reason));
  TRY_VOID(take(*spec, "by", halt.by));
  return halt;
}

}  // namespace

Nanos may_report_within(const InjectionSpec& spec) {
  constexpr Nanos kForEachNode = 8ms;
  return spec.nodes > 1 ? std::min(spec.nodes * kForEachNode, spec.lease / 2) : Nanos(0);
}

bool is_expected_end(const InjectionStatus& status) {
  bool as_asked = status.halted_by.empty() || status.halted_by == "latch" || status.halted_by == "person";
  return status.state == "reverted" && as_asked &&
         std::all_of(status.impacts.begin(), status.impacts.end(), [](const ImpactStatus& impact) {
           return impact.state == "reverted" && impact.clean && !impact.broken && impact.error.empty();
         });
}

json::Value to_json(const ExperimentStatus& status) { return json::Codec<ExperimentStatus>::write(status); }

Result<ExperimentStatus> experiment_status_from_json(const json::Value* status) {
  if (!status || status->is_null()) return ExperimentStatus();
  return json::Codec<ExperimentStatus>::read(Reader(*status, kNoLines));
}

json::Value injection_to_create(const Injection& injection) {
  const InjectionSpec& spec = injection.spec;
  json::Object owner{{"apiVersion", kApiVersion},  {"kind", "Experiment"}, {"name", spec.experiment},
                     {"uid", spec.experiment_uid}, {"controller", true},   {"blockOwnerDeletion", false}};
  json::Object labels{{kNodeLabel, label_value(spec.node)},
                      {kExperimentLabel, label_value(spec.experiment)},
                      {kRunLabel, label_value(spec.run)}};
  json::Object metadata{{"name", injection.name},
                        {"namespace", injection.namespace_},
                        {"labels", std::move(labels)},
                        {"ownerReferences", json::Array{json::Value(std::move(owner))}},
                        {"finalizers", json::Array{json::Value(kFinalizer)}}};
  return json::Object{{"apiVersion", kApiVersion},
                      {"kind", "Injection"},
                      {"metadata", std::move(metadata)},
                      {"spec", json::Codec<InjectionSpec>::write(spec)}};
}

json::Value to_json(const InjectionStatus& status) { return json::Codec<InjectionStatus>::write(status); }

Result<Injection> injection_from_json(const json::Value& value) {
  Injection injection = TRY(identity_from_json(value));
  TRY_VOID(take_spec_of(value, injection));
  TRY_VOID(take_status(Reader(value, kNoLines), injection.status));
  return injection;
}

std::optional<Injection> injection_as_readable(const json::Value& value, std::string& why) {
  auto whole = injection_from_json(value);
  if (whole) return std::move(*whole);
  why = whole.error().message();
  auto injection = identity_from_json(value);
  if (!injection) return std::nullopt;
  Injection with_spec = *injection;
  if (take_spec_of(value, with_spec)) return with_spec;
  injection->spec.lease = kLongestLease;
  return std::move(*injection);
}

std::string Halt::tag() const { return fmt::format("{}/{}", uid, generation); }

ObjectLife life_of(const json::Value& object) {
  const json::Value* metadata = object.is_object() ? object.get_object().if_contains("metadata") : nullptr;
  if (!metadata || !metadata->is_object()) return {};
  const json::Value* uid = metadata->get_object().if_contains("uid");
  const json::Value* deleted = metadata->get_object().if_contains("deletionTimestamp");
  return {uid && uid->is_string() ? std::string(uid->get_string()) : "", deleted && !deleted->is_null()};
}

std::optional<Halt> halt_from_json(const json::Value* value) {
  if (!value) return std::nullopt;
  auto halt = read_halt(Reader(*value, kNoLines));
  if (halt) return std::move(*halt);
  Halt unread;
  unread.reason = "the Halt cannot be read: " + halt.error().message();
  return unread;
}

Result<ExperimentObject> experiment_object_from_json(json::Value&& value) {
  ExperimentObject object;
  {
    Reader reader(value, kNoLines);
    Reader metadata = TRY(take_metadata(reader, object));
    TRY_VOID(take(metadata, "generation", object.generation));
    TRY_VOID(take_status(reader, object.status));
  }
  value.as_object()["metadata"].as_object().erase("managedFields");
  object.object = std::move(value);
  return object;
}

}  // namespace ordeal::cluster
