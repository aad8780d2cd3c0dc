#include "platform/kube/access.h"

#include <fmt/core.h>

#include <cstdlib>

#include "core/base/io/file.h"
#include "core/base/text/text.h"

namespace ordeal::kube {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::string Access::describe() const {
  return fmt::format("context {} of {} ({})", context, origin, without_password(server));
}

Result<Access> in_cluster(const std::string& root) {
  std::string host = environment("KUBERNETES_SERVICE_HOST");
  std::string port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty())
    return fail(Errc::kNotFound, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no pod",
                "outside of a cluster, name a kubeconfig");
  Access access;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  access.server = fmt::format("https://{}:{}", host, port);
  access.context = "in-cluster";
  access.origin = root;
  access.token_file = root + "/token";
  access.tls.authority_file = root + "/ca.crt";
  for (const std::string& file : {access.token_file, access.tls.authority_file})
    if (auto read = read_file(file); !read)
      return fail(Errc::kNotFound, "this pod has no service account: " + read.error().message(),
                  "set automountServiceAccountToken: true on the pod or its service account");
  if (auto name = read_file(root + "/namespace"); name && !trim(*name).empty()) access.namespace_ = trim(*name);
  return access;
}

}  // namespace ordeal::kube
