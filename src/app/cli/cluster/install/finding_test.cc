#include "app/cli/cluster/install/finding.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"

namespace ordeal::cli {
namespace {

json::Value yaml(const char* text) { return json::parse_yaml(text).value().value; }

TEST(InstallFinding, AnOldServerIsSaid) {
  EXPECT_FALSE(server_finding(yaml("{major: '1', minor: '34', gitVersion: v1.34.4}")).missing);
  EXPECT_FALSE(server_finding(yaml("{major: '1', minor: '34+', gitVersion: v1.34.4-gke.1}")).missing);
  ClusterFinding old = server_finding(yaml("{major: '1', minor: '20', gitVersion: v1.20.2}"));
  EXPECT_TRUE(old.missing);
  EXPECT_NE(old.text.find("v1.20.2"), std::string::npos);
  EXPECT_NE(old.advice.find("1.30"), std::string::npos);
}

TEST(InstallFinding, EachDefinitionThatIsMissingIsNamed) {
  EXPECT_FALSE(definitions_finding({"experiments", "experiments/status", "injections", "halts"}).missing);
  ClusterFinding some = definitions_finding({"experiments"});
  EXPECT_EQ(some.text, "missing: injections.ordeal.dev, halts.ordeal.dev");
  EXPECT_EQ(some.advice, "kubectl apply -f charts/ordeal/crds");
}

TEST(InstallFinding, APolicyWithoutABindingDoesNothing) {
  EXPECT_FALSE(admission_finding({"a"}, {"a", "other"}).missing);
  EXPECT_EQ(admission_finding({"a", "b"}, {"a"}).text, "not bound, so without effect: b");
  EXPECT_TRUE(admission_finding({}, {"other"}).missing);
}

TEST(InstallFinding, AControllerIsReadyAndLeads) {
  json::Value ready = yaml("{metadata: {name: c, namespace: ordeal}, spec: {replicas: 2}, status: {readyReplicas: 2}}");
  EXPECT_EQ(controller_finding(ready, "c-1").text, "ordeal/c: 2 of 2 replicas ready; leader: c-1");
  EXPECT_EQ(controller_finding(ready, "").advice, "kubectl -n ordeal logs deployment/c");
  json::Value none = yaml("{metadata: {name: c, namespace: ordeal}, spec: {replicas: 2}}");
  EXPECT_EQ(controller_finding(none, "c-1").advice, "kubectl -n ordeal describe deployment c");
  EXPECT_NE(controller_finding(nullptr, "").advice.find("helm install"), std::string::npos);
}

TEST(InstallFinding, ARightIsNamedWithVerbResourceAndPlace) {
  std::vector<Right> rights{{"create", "ordeal.dev", "experiments", "shop", false},
                            {"list", "", "nodes", "", false},
                            {"list", "", "pods", "", true}};
  EXPECT_EQ(rights_finding("may run", "alice", rights, {"ordeal-experimenter", "shop"}).text,
            "alice may not create experiments.ordeal.dev in shop, list nodes");
  EXPECT_EQ(rights_finding("may run", "alice", rights, {"ordeal-experimenter", "shop"}).advice,
            "an administrator: kubectl create rolebinding -n shop ordeal-experimenter-for-NAME "
            "--clusterrole=ordeal-experimenter --user=alice");
  EXPECT_EQ(rights_finding("may halt", "system:serviceaccount:ci:bot", rights, {"ordeal-halter", ""}).advice,
            "an administrator: kubectl create clusterrolebinding ordeal-halter-for-NAME --clusterrole=ordeal-halter "
            "--serviceaccount=ci:bot");
  rights.resize(1);
  rights[0].allowed = true;
  EXPECT_FALSE(rights_finding("may run", "alice", rights, {"ordeal-experimenter", "shop"}).missing);
}

class InstallAgents : public testing::Test {
 protected:
  std::string why(const char* node) { return why_no_agent(yaml(node), {set_, pods_, space_}); }
  json::Value set_ = yaml("{metadata: {name: agent, namespace: ordeal}}");
  json::Value space_;
  json::Array pods_;
};

TEST_F(InstallAgents, ANodeWithAReadyAgentHasOne) {
  pods_.push_back(yaml("{spec: {nodeName: a}, status: {conditions: [{type: Ready, status: 'True'}]}}"));
  EXPECT_EQ(why("{metadata: {name: a}}"), "");
  EXPECT_EQ(why("{metadata: {name: b}, status: {conditions: [{type: Ready, status: 'True'}]}}"),
            "the DaemonSet has made no pod for it yet");
}

TEST_F(InstallAgents, ATaintIsNamedUnlessItIsTolerated) {
  const char* node = "{metadata: {name: a}, spec: {taints: [{key: gpu, value: 'yes', effect: NoSchedule}]}}";
  EXPECT_EQ(why(node), "its taint gpu=yes:NoSchedule is not tolerated");
  set_ = yaml("{spec: {template: {spec: {tolerations: [{key: gpu, operator: Exists}]}}}}");
  EXPECT_EQ(why(node), "the node is not ready");
  set_ = yaml("{spec: {template: {spec: {tolerations: [{key: gpu, value: 'no'}]}}}}");
  EXPECT_EQ(why(node), "its taint gpu=yes:NoSchedule is not tolerated");
  set_ = yaml("{spec: {template: {spec: {tolerations: [{operator: Exists}]}}}}");
  EXPECT_EQ(why(node), "the node is not ready");
}

TEST_F(InstallAgents, ATaintOfKubernetesItselfRepelsNoDaemonSet) {
  EXPECT_EQ(why("{metadata: {name: a}, spec: {taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]}}"),
            "the node is not ready");
}

TEST_F(InstallAgents, PodSecurityOfTheNamespaceIsNamed) {
  space_ = yaml("{metadata: {labels: {pod-security.kubernetes.io/enforce: baseline}}}");
  EXPECT_EQ(why("{metadata: {name: a}}"), "the namespace enforces PodSecurity baseline, and agents need privileged");
  space_ = yaml("{metadata: {labels: {pod-security.kubernetes.io/enforce: privileged}}}");
  EXPECT_EQ(why("{metadata: {name: a}}"), "the node is not ready");
}

TEST_F(InstallAgents, APodThatWaitsSaysWhy) {
  pods_.push_back(
      yaml("{spec: {nodeName: a}, status: {phase: Pending, containerStatuses: [{state: {waiting: "
           "{reason: ErrImagePull, message: no such image}}}]}}"));
  const char* node = "{metadata: {name: a}, status: {conditions: [{type: Ready, status: 'True'}]}}";
  EXPECT_EQ(why(node), "its pod is not ready: ErrImagePull: no such image");
  pods_[0] = yaml(
      "{spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: "
      "[{matchFields: [{key: metadata.name, operator: In, values: [a]}]}]}}}}, status: {phase: Pending, conditions: "
      "[{type: PodScheduled, status: 'False', message: Insufficient memory}]}}");
  EXPECT_EQ(why(node), "its pod cannot be scheduled: Insufficient memory");
}

TEST_F(InstallAgents, NodesWithTheSameReasonAreSaidOnce) {
  set_ = yaml("{metadata: {name: agent, namespace: ordeal}, spec: {template: {spec: {nodeSelector: {disk: ssd}}}}}");
  json::Array nodes;
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"})
    nodes.push_back(json::Object{{"metadata", {{"name", name}}}});
  auto findings = agent_findings(nodes, {set_, pods_, space_});
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(findings[0].text, "ready on 0 of 7 nodes");
  EXPECT_EQ(findings[1].text, "none on a, b, c, d, e and 2 more: the DaemonSet's nodeSelector leaves it out");
  EXPECT_EQ(findings[1].advice, "kubectl -n ordeal describe daemonset agent");
}

TEST_F(InstallAgents, WithoutADaemonSetNothingCanBeInjected) {
  json::Value none;
  auto findings = agent_findings({}, {none, pods_, space_});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].missing);
}

}  // namespace
}  // namespace ordeal::cli
