// Connection: the cluster that a person named, and the client that asks its API server. A command begins with where():
// nothing is ever done in a cluster that was not said first. Errors of fetch() say what was asked for and have the exit
// code of a command: whoever does not reach the server has injected nothing.
#pragma once

#include <memory>
#include <string>

#include "app/cli/options.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "platform/kube/client.h"

namespace ordeal::cli {

struct Connection {
  std::unique_ptr<kube::Client> client;
  std::string namespace_;  // -n, else the context's

  // "context kind of /root/.kube/config (https://127.0.0.1:6443)"
  std::string where() const { return client->access().describe(); }
};

// A flag that says where in a cluster, and none that says which one, is a mistake: it must not end up on this host.
Result<> check_where(const ClusterOptions& where);
Result<Connection> connect(const ClusterOptions& where);

// `what` as "cannot list the pods of shop".
Error error_of(const kube::ApiFailure& failure, const std::string& what);
Result<json::Value> fetch(const Connection& to, kube::Request request, const std::string& what);
// The failure as it is: what may not be listed is no failure of every command.
kube::Answer<json::Array> fetch_all(const Connection& to, const kube::Resource& resource,
                                    const kube::ObjectName& object = {}, const std::string& labels = {});

}  // namespace ordeal::cli
