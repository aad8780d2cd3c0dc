// drain: before Ordeal is taken out of a cluster: everything halted, every Injection reverted or its lease over, no
// finaliser left that would hang. The Halt that it made is released at the end, unless somebody else has engaged it
// meanwhile. For programs that have nothing else to do: it waits.
#pragma once

#include <functional>
#include <string>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "platform/kube/client.h"

namespace ordeal::controller {

struct DrainOptions {
  std::string namespace_ = "ordeal";
  std::string deployment;  // of the controller, scaled to nothing once all is reverted; "" leaves it
  Nanos within = 150s;
  std::string kubeconfig, context;
};

// How it meets the world; drain() is made of these.
struct DrainWorld {
  std::function<kube::Answer<json::Value>(kube::Request)> ask;
  std::function<kube::Answer<json::Array>(const kube::Resource&, const kube::ObjectName&)> list;
  std::function<BootTime()> now;
  std::function<void(Nanos)> sleep;
  std::function<void(const std::string&)> say;
};

// kRevertFailed names what hangs, or what an agent could not revert: nothing may be taken out then, and the Halt stays.
Result<> drain(const DrainOptions& options, const DrainWorld& world);
// With the API server of `options`.
Result<> run_drain(const DrainOptions& options, std::function<void(const std::string&)> say);

}  // namespace ordeal::controller
