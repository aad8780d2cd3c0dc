#include "core/model/cluster/pod.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "core/base/io/file.h"
#include "core/model/input/label_selector.h"

namespace ordeal::cluster {
namespace {

// The recorded answer of an API server, or nothing where the recordings are not at hand.
std::optional<json::Value> recorded(const std::string& name) {
  const char* folder = std::getenv("ORDEAL_CONFORMANCE_DATA");
  if (!folder) return std::nullopt;
  auto text = read_file(std::string(folder) + "/data/kube-api/v1.34/" + name + ".body", 16 << 20);
  if (!text) return std::nullopt;
  return json::parse(*text).value();
}

#define RECORDED(name, variable)                                                                  \
  auto recorded_##variable = recorded(name);                                                      \
  if (!recorded_##variable) GTEST_SKIP() << "ORDEAL_CONFORMANCE_DATA names no folder with " name; \
  const json::Value& variable = *recorded_##variable

std::string pod_error(const auto& result) { return result ? "no error" : result.error().message(); }

TEST(Recorded, APodIsRead) {
  RECORDED("pod_get", object);
  auto pod = pod_from_json(object);
  ASSERT_TRUE(pod) << pod.error().message();
  EXPECT_EQ(pod->name, "web-6bc9b447c-4hmqp");
  EXPECT_EQ(pod->namespace_, "staging");
  EXPECT_EQ(pod->uid, "a7cae259-2afa-41d9-86fc-210e30ed6719");
  EXPECT_EQ(pod->labels.at("pod-template-hash"), "6bc9b447c");
  EXPECT_EQ(pod->controller, (OwnerRef{"ReplicaSet", "web-6bc9b447c", "b636c36c-e6ef-4f8b-aab2-746d520eab64"}));
  EXPECT_EQ(pod->node, "node1");
  EXPECT_TRUE(pod->runs() && pod->ready);
  EXPECT_FALSE(pod->host_network || pod->shares_processes);
  EXPECT_EQ(pod->ip, "10.244.0.4");
  ASSERT_EQ(pod->containers.size(), 1u);
  const Container& container = pod->containers[0];
  EXPECT_EQ(container.name, "httpd");
  EXPECT_EQ(container.id, "80911b9ed29d4f8d469f7706b975cfc99afeff423fabfd4cb90326d2835fdf81");
  EXPECT_TRUE(container.running && container.ready && !container.init);
  EXPECT_EQ(container.restarts, 0);
  EXPECT_EQ(rfc3339(container.started), "2026-11-23T11:20:12.000Z");
}

TEST(Recorded, APodThatGoesIsNoRunningOne) {
  RECORDED("pod_get_terminating", object);
  Pod pod = pod_from_json(object).value();
  EXPECT_TRUE(pod.terminating);
  EXPECT_EQ(pod.phase, "Running");
  EXPECT_FALSE(pod.runs());
}

TEST(PodTest, ItsNamedPortsAreThoseOfAllItsContainers) {
  auto pod = pod_from_json(json::parse(R"({"metadata":{"name":"a","namespace":"shop","uid":"u"},"spec":{
      "containers":[{"name":"app","ports":[{"containerPort":8000},{"name":"web","containerPort":8080}]}],
      "initContainers":[{"name":"proxy","ports":[{"name":"metrics","containerPort":9102}]}]}})")
                               .value());
  ASSERT_TRUE(pod) << pod.error().message();
  ASSERT_EQ(pod->ports.size(), 2u);
  EXPECT_EQ(pod->ports[0].name, "web");
  EXPECT_EQ(pod->ports[0].number, 8080);
  EXPECT_EQ(pod->ports[1].name, "metrics");
  EXPECT_EQ(pod->ports[1].number, 9102);
}

TEST(Recorded, EachPodOfAListIsRead) {
  RECORDED("pods_list_selector", list);
  for (const json::Value& item : list.at("items").as_array()) {
    auto pod = pod_from_json(item);
    ASSERT_TRUE(pod) << pod.error().message();
    EXPECT_FALSE(pod->containers.empty());
  }
  EXPECT_FALSE(list.at("items").as_array().empty());
}

TEST(Recorded, NodesAreRead) {
  RECORDED("nodes_list", list);
  Node node = node_from_json(list.at("items").at(0)).value();
  EXPECT_EQ(node.name, "node1");
  EXPECT_EQ(node.labels.at("kubernetes.io/os"), "linux");
  EXPECT_TRUE(node.ready);
  EXPECT_EQ(node.zone, "");
}

TEST(Recorded, WorkloadsAndBudgetsAreReadWithTheirSelectors) {
  RECORDED("deploy_get", deployment);
  RECORDED("rollout_get", rollout);
  RECORDED("pdb_get", budget);
  auto text = [](const json::Value& selector) {
    json::Document document{selector, {}};
    return decode_label_selector(json::Reader(document)).value().text();
  };
  EXPECT_EQ(text(workload_from_json("Deployment", deployment)->selector), "app=web");
  Workload checkout = workload_from_json("Rollout", rollout).value();
  EXPECT_EQ(checkout.kind + "/" + checkout.name, "Rollout/checkout");
  EXPECT_EQ(text(checkout.selector), "app=checkout");
  DisruptionBudget web = budget_from_json(budget).value();
  EXPECT_EQ(text(web.selector), "app=web,chaos=enabled");
  EXPECT_EQ(web.allowed, 0);
}

constexpr const char* kSidecar = R"({"metadata": {"name": "p", "namespace": "n", "uid": "u", "unheard": 1},
  "spec": {"nodeName": "a", "hostNetwork": true, "shareProcessNamespace": true, "containers": [{"name": "main"}],
           "initContainers": [{"name": "side"}]},
  "status": {"phase": "Running", "unheard": {}, "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [{"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "restartCount": 4}],
    "initContainerStatuses": [{"name": "side", "containerID": "cri-o://abc", "ready": true,
                               "state": {"running": {"startedAt": "2026-11-23T11:20:12Z"}}}]}})";

TEST(Pod, ContainersThatDoNotRunAreThereAndSidecarsAreToldApart) {
  Pod pod = pod_from_json(json::parse(kSidecar).value()).value();
  EXPECT_TRUE(pod.host_network && pod.shares_processes);
  EXPECT_FALSE(pod.ready);
  ASSERT_EQ(pod.containers.size(), 2u);
  EXPECT_FALSE(pod.containers[0].running);
  EXPECT_EQ(pod.containers[0].restarts, 4);
  EXPECT_EQ(pod.containers[0].id, "");
  EXPECT_TRUE(pod.containers[1].init && pod.containers[1].running);
  EXPECT_EQ(pod.containers[1].id, "abc") << "whatever the runtime";
}

TEST(Pod, ItsUsualContainerIsTheOneThatItsAnnotationNamesElseTheFirst) {
  auto usual = [](const char* annotations) {
    auto pod =
        pod_from_json(json::parse(std::string(R"({"metadata": {"namespace": "shop", "name": "api", "uid": "u", )") +
                                  "\"annotations\": " + annotations + R"(}, "spec": {
      "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
      "containers": [{"name": "api"}, {"name": "log"}]}})")
                          .value());
    const Container* found = pod.value().usual_container();
    return found ? found->name : "none";
  };
  EXPECT_EQ(usual("{}"), "api");
  EXPECT_EQ(usual(R"({"kubectl.kubernetes.io/default-container": "log"})"), "log");
  EXPECT_EQ(usual(R"({"kubectl.kubernetes.io/default-container": "proxy"})"), "proxy");
  EXPECT_EQ(usual(R"({"kubectl.kubernetes.io/default-container": "gone"})"), "none");
}

TEST(Pod, OneThatIsNotScheduledYetHasNoNode) {
  Pod pod = pod_from_json(json::parse(R"({"metadata": {"name": "p", "namespace": "n", "uid": "u"},
                                          "spec": {"containers": [{"name": "c"}]}, "status": {"phase": "Pending"}})")
                              .value())
                .value();
  EXPECT_EQ(pod.node, "");
  EXPECT_FALSE(pod.runs());
  EXPECT_EQ(pod.containers.size(), 1u);
}

TEST(Pod, AZoneIsANodesLabel) {
  Node node = node_from_json(json::parse(R"({"metadata": {"name": "a", "uid": "u",
                                             "labels": {"topology.kubernetes.io/zone": "west-1"}}})")
                                 .value())
                  .value();
  EXPECT_EQ(node.zone, "west-1");
  EXPECT_FALSE(node.ready);
}

// Of kSidecar with one part of its text replaced.
std::string error_with(std::string from, std::string to) {
  std::string text = kSidecar;
  text.replace(text.find(from), from.size(), to);
  return pod_error(pod_from_json(json::parse(text).value()));
}

TEST(Pod, AWrongTypeNamesTheField) {
  EXPECT_EQ(error_with("\"uid\": \"u\"", "\"uid\": 5"), "metadata.uid: expected text, found 5");
  EXPECT_EQ(error_with("\"namespace\": \"n\", ", ""), "metadata: \"namespace\" is missing");
  EXPECT_EQ(error_with("\"hostNetwork\": true", "\"hostNetwork\": 1"),
            "spec.hostNetwork: expected true or false, found 1");
  EXPECT_EQ(error_with("\"restartCount\": 4", "\"restartCount\": \"4\""),
            "status.containerStatuses[0].restartCount: expected a whole number from -9223372036854775808 to "
            "9223372036854775807, found \"4\"");
  EXPECT_EQ(error_with("2026-11-23T11:20:12Z", "yesterday"),
            "status.initContainerStatuses[0].state.running.startedAt: expected a time such as 2026-11-23T11:20:12Z, "
            "found \"yesterday\"");
  EXPECT_EQ(pod_error(node_from_json(json::Value(5))), "expected an object, found 5");
  EXPECT_EQ(
      pod_error(budget_from_json(json::parse(R"({"metadata": {"name": "a", "namespace": "b"},
                                                      "status": {"disruptionsAllowed": "x"}})")
                                     .value())),
      "status.disruptionsAllowed: expected a whole number from -9223372036854775808 to 9223372036854775807, found "
      "\"x\"");
}

}  // namespace
}  // namespace ordeal::cluster
