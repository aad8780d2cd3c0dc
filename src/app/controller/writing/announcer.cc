#include "app/controller/writing/announcer.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "core/model/cluster/names.h"

namespace ordeal::controller {
namespace {

constexpr size_t kMostMessage = 1000;  // the API takes 1024 bytes
constexpr size_t kMostPrefix = 200;

}  // namespace

Announcer::Announcer(session::Send send, session::Now now, std::function<Nanos()> wall, std::string identity)
    : outbox_(std::move(send), std::move(now), 4), wall_(std::move(wall)), identity_(std::move(identity)) {
  outbox_.give_up();
}

void Announcer::tell(const cluster::ExperimentObject& experiment, bool warning, const std::string& reason,
                     const std::string& message) {
  std::string time = rfc3339(std::chrono::floor<seconds>(wall_()));
  if (size_t dot = time.find('.'); dot != std::string::npos) time = time.substr(0, dot) + "Z";
  std::string name = fmt::format("{}.{:x}.{}", experiment.name.substr(0, kMostPrefix), wall_().count(), ++count_);
  json::Object about{{"apiVersion", cluster::kApiVersion},
                     {"kind", "Experiment"},
                     {"namespace", experiment.namespace_},
                     {"name", experiment.name},
                     {"uid", experiment.uid}};
  json::Value body = json::Object{{"apiVersion", "v1"},
                                  {"kind", "Event"},
                                  {"metadata", json::Object{{"name", name}, {"namespace", experiment.namespace_}}},
                                  {"involvedObject", std::move(about)},
                                  {"reason", reason},
                                  {"message", valid_text(message.substr(0, kMostMessage))},
                                  {"type", warning ? "Warning" : "Normal"},
                                  {"firstTimestamp", time},
                                  {"lastTimestamp", time},
                                  {"count", 1},
                                  {"reportingComponent", "ordeal-controller"},
                                  {"reportingInstance", identity_},
                                  {"source", json::Object{{"component", "ordeal-controller"}}}};
  outbox_.add(kube::create(kube::kEvents, {experiment.namespace_, name}, body), [](const auto&) {});
}

}  // namespace ordeal::controller
