// Unit: one pod, container or node that may become a victim; and Judge: the rule that leaves one out.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "fault/target/cluster/pods.h"

namespace ordeal::target {

// Points into the view.
struct Unit {
  const cluster::Pod* pod = nullptr;
  const cluster::Container* container = nullptr;  // with its pod
  const cluster::Node* node = nullptr;            // without a pod
  std::string name;

  const std::string& owner_name() const { return pod ? pod->name : node->name; }
  bool runs() const { return pod ? pod->runs() && (!container || container->running) : node->ready; }
};

bool means_nodes(const Target& target);
bool means_containers(const Target& target, const ClusterRules& rules);

// Every one that the target describes, whether or not it runs. A pod without any container that is meant stands for
// itself, and is left out.
Result<std::vector<Unit>> find_units(const Target& target, const ClusterRules& rules, const cluster::View& view);

struct Objection {
  std::string rule;
  bool safety = false;  // a policy or protection, not the state that it happens to be in
};

class Judge {
 public:
  // All must outlive it.
  Judge(const Target& target, const cluster::View& view, const ClusterRules& rules);
  std::optional<Objection> objection(const Unit& unit) const;
  ClusterPick pick(const Unit& unit) const;

 private:
  std::optional<Objection> about_place(const std::string& name, const std::string& node, const std::string& zone,
                                       const Labels& labels, const std::string& container) const;
  std::optional<Objection> about_pod(const Unit& unit) const;
  std::optional<Objection> about_node(const Unit& unit) const;
  std::string zone_of(const std::string& node) const;

  const Target& target_;
  const ClusterRules& rules_;
  std::unordered_map<std::string, const cluster::Node*> nodes_;
  std::unordered_map<std::string, std::vector<const cluster::Pod*>> pods_on_;  // filled when nodes are meant
};

}  // namespace ordeal::target
