// Release: Ordeal as it is installed in a cluster, found by the labels of its chart.
#pragma once

#include <optional>
#include <string>

#include "app/cli/cluster/connection.h"

namespace ordeal::cli {

constexpr const char* kReleaseNamespace = "ordeal";  // where the chart is installed unless somebody says otherwise
constexpr const char* kReleaseLabel = "app.kubernetes.io/name=ordeal";

struct Release {
  std::string namespace_ = kReleaseNamespace;
  bool whole_cluster = true;  // else it is installed for its own namespace alone
  std::string policy_namespace = kReleaseNamespace, policy_name;
  bool may_roll_back = false;  // it was given the rights to
  json::Value controller;      // the Deployment
};

// A Deployment of the chart; what its controller's arguments say.
Release release_of(json::Value deployment);
// Nothing where there is none. --release-namespace says where to look, else all namespaces are looked through, or, for
// those who may not, the chart's usual one.
Result<std::optional<Release>> find_release(const Connection& to, const ClusterOptions& where);
// The labels of one of its parts: "controller", "agent".
std::string labels_of_part(const std::string& part);

}  // namespace ordeal::cli
