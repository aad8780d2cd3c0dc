// Which cluster a program of ours speaks to: the one that its pod runs in, unless a kubeconfig or a context is given.
#pragma once

#include <string>

#include "platform/kube/access.h"

namespace ordeal::controller {

Result<kube::Access> find_access(const std::string& kubeconfig, const std::string& context);

}  // namespace ordeal::controller
