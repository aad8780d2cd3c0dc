// What an Experiment may not make its controller do. Whoever may create one in his namespace directs what the
// controller asks and computes, with the controller's network and, where Secrets are read for it, with their values.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/input/experiment.h"

namespace ordeal::session {

// On a Secret: the one Prometheus that its values may be sent to, as SCHEME://HOST[:PORT].
inline constexpr const char* kPrometheusAnnotation = "ordeal.dev/prometheus";

// kRefused: an address of the controller's own host or link, as it is written; what a name resolves to is judged when
// it is connected to (net/client/outward.h). kInvalidInput: more expectations than one run may have, a subquery with a
// step finer than its samples.
Result<> check_tenant(const Experiment& experiment);
// Whoever writes the Secret says where it may go, not whoever writes the Experiment. kRefused.
Result<> check_secret_home(const std::string& name, const json::Value& secret, const std::string& prometheus);

}  // namespace ordeal::session
