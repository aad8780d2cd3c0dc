// Access: where a cluster's API server is and who we are there, from a kubeconfig file or from the service account of
// the pod that we run in. Reading one contacts nobody; tokens and exec plugins are asked when a request needs them.
// Secrets in it are never printed: describe() holds none, and no error shows a value of a kubeconfig's user.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "platform/net/http_client.h"

namespace ordeal::kube {

// A program that prints an ExecCredential (client.authentication.k8s.io/v1 or v1beta1).
struct ExecPlugin {
  std::string command;  // looked up in PATH, or an absolute path
  std::vector<std::string> args;
  std::map<std::string, std::string> environment;
  std::string api_version;  // "client.authentication.k8s.io/v1"
  std::string install_hint;
  bool provide_cluster_info = false;
  std::string cluster_config;  // JSON that the cluster holds for its plugin; "" is none
};

struct Access {
  std::string server;   // "https://10.0.0.1:6443", without a slash at the end
  std::string context;  // of the kubeconfig; "in-cluster" for a service account
  std::string origin;   // the file (or the service account's folder), for messages
  std::string namespace_ = "default";
  net::ClientTls tls;
  bool insecure = false;
  std::string server_name;  // checked in the certificate instead of the server's name; "" is that
  std::string token;        // a fixed one
  std::string token_file;   // read again for each request: such tokens are replaced hourly; it wins over `token`
  std::string login;        // "user:password"
  std::optional<ExecPlugin> exec;
  std::string impersonate;     // "system:serviceaccount:ordeal:agent"; "" is nobody
  net::Headers impersonation;  // what else is impersonated: Impersonate-Group, -Uid and -Extra-…

  // "context kind of /root/.kube/config (https://127.0.0.1:6443)".
  std::string describe() const;
};

struct AccessOptions {
  std::string kubeconfig;  // a file; "" is $KUBECONFIG (files joined by ':'), then ~/.kube/config
  std::string context;     // "" is the first current-context
};

// Several files are one: of two entries with the same name the first counts, whole. Paths in a file are relative to its
// folder. Keys that we do not know are passed over; `auth-provider` and `proxy-url` are refused, since to pass those
// over would be to act as somebody else or to go another way.
// kInvalidInput names the file, the context and the field; kNotFound when there is no kubeconfig at all.
Result<Access> load_kubeconfig(const AccessOptions& options);
// The service account of this pod. kNotFound outside of a cluster. `root` is for tests: the folder of token, ca.crt and
// namespace; KUBERNETES_SERVICE_HOST and _PORT name the server.
Result<Access> in_cluster(const std::string& root = "/var/run/secrets/kubernetes.io/serviceaccount");

}  // namespace ordeal::kube
