// cluster_selection_bench [PODS]: time and memory of reading the pods of a cluster as its API gives them, and of
// choosing among them; each beside a bare loop that only compares one label of every pod.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <vector>

#include "core/base/io/file.h"
#include "core/base/text/text.h"
#include "fault/target/cluster/follow.h"

namespace ordeal::target {
namespace {

constexpr int kRounds = 9;

double millis_of(const std::function<void()>& work) {
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    auto begin = std::chrono::steady_clock::now();
    work();
    times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(times.begin(), times.begin() + kRounds / 2, times.end());
  return times[kRounds / 2];
}

// Resident memory, in KiB.
int64_t resident() {
  std::string status = read_file("/proc/self/status").value();
  size_t at = status.find("VmRSS:");
  return parse_number<int64_t>(split_words(std::string_view(status).substr(at + 6))[0]).value();
}

// As an API server writes it, without managedFields.
std::string pod_text(int number, int nodes) {
  return fmt::format(
      R"({{"metadata":{{"name":"api-6bc9b447c-{0:05}","namespace":"shop-1","uid":"a7cae259-2afa-41d9-86fc-{0:012}",)"
      R"("labels":{{"app":"api","tier":"web","pod-template-hash":"6bc9b447c"}},"ownerReferences":[{{"kind":"ReplicaSet",)"
      R"("name":"api-6bc9b447c","uid":"b636c36c","controller":true}}]}},"spec":{{"nodeName":"node-{1}","containers":[)"
      R"({{"name":"web","image":"api"}}]}},"status":{{"phase":"Running","podIP":"10.0.0.1","conditions":[{{"type":"Ready",)"
      R"("status":"True"}}],"containerStatuses":[{{"name":"web","ready":true,"restartCount":0,"containerID":)"
      R"("containerd://{0:064}","state":{{"running":{{"startedAt":"2026-11-23T11:20:12Z"}}}}}}]}}}})",
      number, number % nodes);
}

cluster::View view_of(const std::vector<json::Value>& objects, int nodes) {
  cluster::View view;
  for (const json::Value& object : objects) view.pods.push_back(cluster::pod_from_json(object).value());
  for (int i = 0; i < nodes; ++i)
    view.nodes.push_back({fmt::format("node-{}", i), fmt::format("uid-{}", i), {}, i % 2 ? "a" : "b", true});
  view.workloads.push_back({"Deployment", "shop-1", "api", "d", {}});
  return view;
}

Target target_of(const char* text) {
  return decode_experiment(
             json::parse_document(fmt::format("name: x\nattack: {{type: cpu}}\ntarget: {}\n", text)).value())
      ->target;
}

void measure_choices(const cluster::View& view) {
  ClusterRules rules{
      {decode_policy(json::parse_document("protected: {namespaces: [kube-system], labels: {keep: yes}}").value(),
                     "policy")
           .value()},
      "shop-1",
      "ordeal",
      true};
  size_t counted = 0;
  double bare = millis_of([&] {
    for (const cluster::Pod& pod : view.pods) counted += pod.labels.at("app") == "api";
  });
  fmt::print("bare loop over one label    {:8.2f} ms\n", bare);
  for (const char* text :
       {"{type: kubernetes, namespace: shop-1, labels: {app: api}, percentage: 50}",
        "{type: kubernetes, namespace: shop-1, selector: 'app in (api,web),!canary', zone: a}",
        "{type: kubernetes, namespace: shop-1, workload: deploy/api, exclude: {labels: {tier: db}}}",
        "{type: container, namespace: shop-1, labels: {app: api}, container: web}", "{type: node, zone: a}"}) {
    Target target = target_of(text);
    size_t chosen = 0;
    double took = millis_of([&] { chosen = choose_in_cluster(target, view, rules, 42).value().chosen.size(); });
    fmt::print("choose {:6} of {:6}      {:8.2f} ms  {:5.0f} x bare  {}\n", chosen, view.pods.size(), took, took / bare,
               text);
  }
}

int run(int pods) {
  constexpr int kNodes = 1000;
  std::vector<json::Value> objects;
  for (int i = 0; i < pods; ++i) objects.push_back(json::parse(pod_text(i, kNodes)).value());
  int64_t before = resident();
  cluster::View view = view_of(objects, kNodes);
  fmt::print("{} pods held: {:.1f} MiB\n", pods, static_cast<double>(resident() - before) / 1024);
  double read = millis_of([&] { (void)view_of(objects, kNodes); });
  fmt::print("{} pods read from parsed JSON: {:.1f} ms\n", pods, read);
  measure_choices(view);
  return 0;
}

}  // namespace
}  // namespace ordeal::target

int main(int argc, char** argv) { return ordeal::target::run(argc > 1 ? std::atoi(argv[1]) : 10'000); }
