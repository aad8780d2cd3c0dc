#include "app/controller/seeing/access.h"

namespace ordeal::controller {

Result<kube::Access> find_access(const std::string& kubeconfig, const std::string& context) {
  if (kubeconfig.empty() && context.empty())
    if (auto pod = kube::in_cluster(); pod || pod.error().code != Errc::kNotFound) return pod;
  return kube::load_kubeconfig({kubeconfig, context});
}

}  // namespace ordeal::controller
