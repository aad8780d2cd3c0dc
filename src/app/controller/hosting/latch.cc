#include "app/controller/hosting/latch.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

constexpr Nanos kAskAgain = 5s;  // where it may not be written; what fails in passing is sent again sooner
constexpr const char* kManager = "ordeal-controller";
constexpr const char* kBy = "ordeal controller";

}  // namespace

void Latch::engage(const std::string& run) {
  if (!engaged_for_.insert(run).second) return;
  why_ = fmt::format("a revert failed in {}", run);
  due_ = BootTime();
}

kube::Request Latch::request() const {
  if (!ports_.may_inject) {
    json::Value body =
        json::Object{{"apiVersion", "v1"},
                     {"kind", "ConfigMap"},
                     {"metadata", json::Object{{"name", cluster::kHaltConfigMap}, {"namespace", ports_.namespace_}}},
                     {"data", json::Object{{"engaged", "true"}, {"reason", why_}, {"by", kBy}}}};
    return kube::apply(kube::kConfigMaps, {ports_.namespace_, cluster::kHaltConfigMap}, body, kManager, true);
  }
  json::Value body = json::Object{{"apiVersion", cluster::kApiVersion},
                                  {"kind", "Halt"},
                                  {"metadata", json::Object{{"name", cluster::kHaltName}}},
                                  {"spec", json::Object{{"engaged", true}, {"reason", why_}, {"by", kBy}}}};
  return kube::apply(kube::kHalts, {"", cluster::kHaltName}, body, kManager, true);
}

void Latch::answered(const kube::Answer<json::Value>& answer) {
  if (answer) return why_.clear();
  due_ = ports_.now() + kAskAgain;
  if (!std::exchange(refused_, true)) ports_.log(answer.error().error("cannot engage the Halt").message());
}

BootTime Latch::next_wake() const { return pending() && outbox_.empty() ? due_ : outbox_.next_wake(); }

void Latch::dispatch() {
  if (pending() && outbox_.empty() && due_ <= ports_.now())
    outbox_.add(request(), [this](const kube::Answer<json::Value>& answer) { answered(answer); });
  outbox_.dispatch();
}

}  // namespace ordeal::controller
