// A cluster and an API server that tests of the hosting make up: one node, pods of two namespaces, a policy, and
// answers that come when the test gives them.
#pragma once

#include <deque>
#include <string>

#include "app/controller/hosting/admission.h"
#include "core/json/yaml.h"

namespace ordeal::controller {

class MadeUpCluster {
 public:
  struct Asked {
    kube::Request request;
    kube::Client::Callback callback;
  };

  MadeUpCluster()
      : announcer_(
            send(asked_events), clock(), [] { return Nanos(1s); }, "controller-a") {
    cluster::Node node;
    node.name = "node-1";
    node.uid = "uid-node-1";
    node.ready = true;
    stores.nodes.put(node.name, node);
    add_pod("shop", "api-1");
    add_pod("bank", "vault-1");
    stores.nodes.synced();
    stores.pods_synced();
    stores.put_halt(nullptr);
    stores.put_policy("blast_radius: {namespaces: [shop, bank]}\n");
    ports.send = send(asked);
    ports.now = clock();
    ports.wall = [] { return Nanos(1s); };
    ports.identity = "controller-a";
    ports.check_source = [this](const Experiment& experiment, const watch::SourceLogin& login,
                                Ports::SourceChecked checked) {
      experiments.push_back(experiment);
      logins.push_back(login);
      checked(session::SourceCheck{});
    };
    ports.random = [] { return 7; };
    ports.log = [](const std::string&) {};
  }

  void add_pod(const std::string& space, const std::string& name) {
    cluster::Pod pod;
    pod.namespace_ = space;
    pod.name = name;
    pod.uid = "uid-" + name;
    pod.labels = {{"app", "api"}};
    pod.node = "node-1";
    pod.phase = "Running";
    pod.ready = true;
    pod.ip = "10.0.0.9";
    pod.containers = {{"app", "c-" + name, true, true}};
    pod.ports = {{"web", 8000}, {"metrics", 9102}};
    stores.put_pod(std::move(pod));
  }

  // Of the namespace shop; `spec` is YAML beside the attack, `status` the whole, `metadata` what is beside the name.
  static json::Value experiment_json(const std::string& spec, const std::string& name = "slow",
                                     const std::string& status = "{}", const std::string& metadata = "") {
    std::string text = "metadata: {name: " + name + ", namespace: shop, uid: uid-" + name +
                       ", resourceVersion: \"1\", generation: 1" + metadata +
                       "}\nspec:\n  attack: {type: latency, args: {delay: 100ms, port: 8000}}\n  length: 20s\n" + spec +
                       "status: " + status + "\n";
    return json::parse_document(text).value().value;
  }
  static cluster::ExperimentObject experiment(const std::string& spec) {
    return cluster::experiment_object_from_json(experiment_json(spec)).value();
  }

  // Until nothing is asked any more, with what `answer` says.
  template <typename Answer>
  void play(auto& admission, const Answer& answer) {
    for (int turn = 0; turn < 1000; ++turn) {
      admission.dispatch();
      if (asked.empty()) return;
      Asked one = std::move(asked.front());
      asked.pop_front();
      paths.push_back(one.request.method + " " + one.request.path);
      bodies.push_back(one.request.body);
      one.callback(answer(one.request));
    }
  }

  session::Now clock() {
    return [this] { return now; };
  }
  session::Send send(std::deque<Asked>& into) {
    return [&into](kube::Request request, kube::Client::Callback callback) {
      into.push_back({std::move(request), std::move(callback)});
    };
  }
  Announcer& announcer() { return announcer_; }

  BootTime now = BootTime(1h);
  ClusterStores stores{"ordeal", {}};
  Ports ports;
  std::deque<Asked> asked, asked_events;
  std::vector<std::string> paths, bodies;
  std::vector<Experiment> experiments;  // whose sources were asked, and as whom
  std::vector<watch::SourceLogin> logins;

 private:
  Announcer announcer_;
};

}  // namespace ordeal::controller
