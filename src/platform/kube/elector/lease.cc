#include "platform/kube/elector/lease.h"

#include <algorithm>

#include "platform/kube/fields.h"

namespace ordeal::kube {
namespace {

// The API wants exactly six digits of a second.
std::string micro_time(Nanos wall) {
  std::string text = rfc3339(wall);  // with three
  text.insert(text.size() - 1, "000");
  return text;
}

json::Object spec_of(const LeaseRecord& record) {
  const json::Value* spec = field_at(record.object, "spec");
  return spec && spec->is_object() ? spec->get_object() : json::Object();
}

json::Value with_spec(const LeaseRecord& record, const std::string& name, json::Object spec) {
  json::Value made = record.object;
  if (!made.is_object())
    made = {{"apiVersion", "coordination.k8s.io/v1"}, {"kind", "Lease"}, {"metadata", {{"name", name}}}};
  made.get_object()["spec"] = std::move(spec);
  return made;
}

}  // namespace

LeaseRecord LeaseRecord::of(json::Value object) {
  LeaseRecord record;
  record.holder = text_at(object, "spec.holderIdentity");
  record.length = seconds(std::clamp<int64_t>(number_at(object, "spec.leaseDurationSeconds"), 0, 3600));
  record.object = std::move(object);
  return record;
}

bool LeaseRecord::renewed_since(const LeaseRecord& before) const { return spec_of(*this) != spec_of(before); }

json::Value held_by(const LeaseRecord& record, const std::string& name, const std::string& identity, Nanos length,
                    Nanos wall) {
  json::Object spec = spec_of(record);
  if (record.holder != identity || text_at(record.object, "spec.acquireTime").empty()) {
    int64_t changes = number_at(record.object, "spec.leaseTransitions");
    spec["leaseTransitions"] = record.object.is_null() ? 0 : changes + 1;
    spec["acquireTime"] = micro_time(wall);
  }
  spec["holderIdentity"] = identity;
  spec["leaseDurationSeconds"] = std::max<int64_t>(1, (length + 1s - 1ns) / 1s);
  spec["renewTime"] = micro_time(wall);
  return with_spec(record, name, std::move(spec));
}

json::Value given_back(const LeaseRecord& record, Nanos wall) {
  json::Object spec = spec_of(record);
  // An empty holder is not valid everywhere; none is.
  spec.erase("holderIdentity");
  spec["leaseDurationSeconds"] = 1;
  spec["renewTime"] = micro_time(wall);
  return with_spec(record, "", std::move(spec));
}

}  // namespace ordeal::kube
