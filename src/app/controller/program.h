// The program `ordeal controller`: the controller with a real API server: one client, a watch for each kind of object,
// the Lease, and one loop.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/model/victim.h"
#include "platform/kube/api.h"

namespace ordeal::controller {

struct ProgramOptions {
  std::string namespace_ = "ordeal";  // of the release: its Lease, and its agents
  std::string name;                   // of this controller, unique among them
  bool whole_cluster = true;          // else only `namespace_` is watched, and nothing is injected
  kube::ObjectName policy;            // its ConfigMap
  bool rollback = false;
  std::string listen;  // "ADDRESS:PORT" for /healthz and /readyz; "" is none
  int keep_records = 50;
  std::string kubeconfig, context;  // both "": the service account of this pod, else the usual kubeconfig
  std::string agents = "app.kubernetes.io/name=ordeal,app.kubernetes.io/component=agent";  // "" does not ask for them
};

// Until `signals`, a signalfd, can be read; then runs are ended in good order, at most for 15 s. An error is one that
// makes it useless: no access, no rights, no such resources.
Result<> run_program(const ProgramOptions& options, int signals);

}  // namespace ordeal::controller
