// Pod, Node and what owns pods, as far as Ordeal needs them: a few hundred bytes of each, so that a controller can hold
// all of a large cluster.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/victim.h"

namespace ordeal::cluster {

struct Container {
  std::string name;
  std::string id;  // without the runtime's "containerd://"; "" while there is none
  bool running = false;
  bool ready = false;
  bool init = false;  // of initContainers: a sidecar where it runs
  int64_t restarts = 0;
  Nanos started{0};  // wall clock, whole seconds; 0 while it does not run
};

// Of a container, by a name that is given once in a pod.
struct NamedPort {
  std::string name;
  int64_t number = 0;
};

struct OwnerRef {
  std::string kind, name, uid;
  bool operator==(const OwnerRef&) const = default;
};

struct Pod {
  std::string namespace_, name, uid;
  Labels labels;
  std::string node;          // "" while it is not scheduled
  std::string phase;         // Pending, Running, Succeeded, Failed, Unknown
  bool ready = false;        // the condition
  bool terminating = false;  // it has a deletionTimestamp
  bool host_network = false;
  bool shares_processes = false;
  std::optional<OwnerRef> controller;
  std::string ip;
  std::vector<Container> containers;
  std::string default_container;  // by the annotation kubectl.kubernetes.io/default-container; else ""
  std::vector<NamedPort> ports;   // those without a name are left out

  // By the label that Ordeal's chart gives, which anybody can put on a pod.
  bool says_it_is_ordeals() const;
  // It says so and is in Ordeal's own namespace.
  bool is_ordeals(const std::string& own_namespace) const;
  bool runs() const { return phase == "Running" && !terminating; }
  // The one that the annotation names, else the first; nullptr when there is none.
  const Container* usual_container() const;
};

struct Node {
  std::string name, uid;
  Labels labels;
  std::string zone;  // topology.kubernetes.io/zone
  bool ready = false;
};

// A workload or Service by the fields that choose pods.
struct Workload {
  std::string kind;  // Deployment, StatefulSet, DaemonSet, ReplicaSet, Rollout, Service
  std::string namespace_, name, uid;
  json::Value selector;  // spec.selector: of a Service a map, else matchLabels and matchExpressions
};

struct DisruptionBudget {
  std::string namespace_, name;
  json::Value selector;
  int64_t allowed = 0;  // status.disruptionsAllowed
};

// Of an object of the API; kInvalidInput names the field.
Result<Pod> pod_from_json(const json::Value& value);
Result<Node> node_from_json(const json::Value& value);
Result<Workload> workload_from_json(const std::string& kind, const json::Value& value);
Result<DisruptionBudget> budget_from_json(const json::Value& value);

// All that a selection looks at.
struct View {
  std::vector<Pod> pods;
  std::vector<Node> nodes;
  std::vector<Workload> workloads;  // those that the target names
  std::vector<DisruptionBudget> budgets;
};

}  // namespace ordeal::cluster
