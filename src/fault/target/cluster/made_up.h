// A cluster that tests make up: pods and nodes by a few words each, as an API server would have them.
#pragma once

#include <fmt/format.h>

#include <string>

#include "fault/target/cluster/gates.h"

namespace ordeal::target {

// One container "main", running and Ready on "node-1"; uid "uid-NAME".
inline cluster::Pod made_up_pod(const std::string& space, const std::string& name, Labels labels) {
  cluster::Pod pod;
  pod.namespace_ = space;
  pod.name = name;
  pod.uid = "uid-" + name;
  pod.labels = std::move(labels);
  pod.node = "node-1";
  pod.phase = "Running";
  pod.ready = true;
  cluster::Container main;
  main.name = "main";
  main.id = fmt::format("{:0>64}", "main" + name);
  main.running = main.ready = true;
  pod.containers = {main};
  return pod;
}

inline cluster::Node made_up_node(const std::string& name, const std::string& zone) {
  return {name, "uid-" + name, {{"topology.kubernetes.io/zone", zone}}, zone, true};
}

// `count` pods "NAME-001" … with these labels, and one node.
inline cluster::View made_up_view(const std::string& space, const std::string& name, int count, const Labels& labels) {
  cluster::View view;
  view.nodes = {made_up_node("node-1", "west-1")};
  for (int i = 1; i <= count; ++i) view.pods.push_back(made_up_pod(space, fmt::format("{}-{:03}", name, i), labels));
  return view;
}

inline Policy policy_of(const std::string& text) {
  return decode_policy(json::parse_document(text).value(), "policy").value();
}

// A policy that allows all, and the namespace of the experiment.
inline ClusterRules allowing(const std::string& home) {
  return {{policy_of("protected: {namespaces: [kube-system]}")}, home, "ordeal", false, false};
}

inline Experiment experiment_of(const std::string& target, const std::string& more = "") {
  return decode_experiment(
             json::parse_document("name: x\nattack: {type: cpu}\ntarget: " + target + "\n" + more).value())
      .value();
}
inline Target target_of(const std::string& text) { return experiment_of(text).target; }

}  // namespace ordeal::target
