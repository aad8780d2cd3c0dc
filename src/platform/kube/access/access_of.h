// What a kubeconfig says of one context. Files that it names (certificates, tokens) are looked at, but no host.
#pragma once

#include "platform/kube/access.h"
#include "platform/kube/access/kubeconfig.h"

namespace ordeal::kube {

// `context` "" is the current one.
Result<Access> access_of(const Kubeconfig& config, const std::string& context);

}  // namespace ordeal::kube
