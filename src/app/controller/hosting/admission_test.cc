#include "app/controller/hosting/admission.h"

#include <gtest/gtest.h>

#include "app/controller/hosting/testing.h"
#include "core/base/text/text.h"

namespace ordeal::controller {
namespace {

kube::Answer<json::Value> not_found() {
  kube::ApiFailure failure;
  failure.kind = kube::ApiFailure::Kind::kNotFound;
  failure.code = 404;
  failure.message = "not found";
  return tl::unexpected(std::move(failure));
}

constexpr const char* kApi = "  target: {type: kubernetes, labels: {app: api}}\n";

class AdmissionTest : public testing::Test {
 protected:
  // The status that was written.
  std::string judge(const std::string& spec, std::map<std::string, json::Value> objects = {}) {
    Admission admission(cluster.ports, cluster.stores, cluster.announcer(), MadeUpCluster::experiment(spec),
                        [] { return target::ClusterLoad(); });
    cluster.play(admission, [&](const kube::Request& request) -> kube::Answer<json::Value> {
      if (request.method == "PATCH") return json::Value(json::Object());
      auto found = objects.find(request.path);
      return found == objects.end() ? not_found() : kube::Answer<json::Value>(found->second);
    });
    state = admission.state();
    return cluster.bodies.empty() ? "" : cluster.bodies.back();
  }

  MadeUpCluster cluster;
  Admission::State state = Admission::State::kWorking;
};

TEST_F(AdmissionTest, AnExperimentOfItsNamespaceIsAdmitted) {
  std::string status = judge(kApi);
  EXPECT_EQ(state, Admission::State::kAdmitted) << status;
}

// Who may create an Experiment in shop learns nothing of bank: neither whether something is there nor what it is
// called.
TEST_F(AdmissionTest, ARefusalTellsNothingOfAnotherNamespace) {
  for (const char* target :
       {"{type: kubernetes, namespace: bank, name: vault-2}", "{type: kubernetes, namespace: bank, labels: {app: api}}",
        "{type: kubernetes, namespace: bank, workload: {kind: Deployment, name: vault}}",
        "{type: node, name: node-2}"}) {
    cluster.paths.clear();
    std::string status = judge(fmt::format("  target: {}\n", target));
    EXPECT_EQ(state, Admission::State::kRefused);
    EXPECT_NE(status.find("cross_namespace is not allowed"), std::string::npos) << status;
    EXPECT_EQ(status.find("vault-1"), std::string::npos) << status;
    EXPECT_EQ(status.find("node-1"), std::string::npos) << status;
    ASSERT_EQ(cluster.paths.size(), 1u) << join(cluster.paths, ", ");
    EXPECT_TRUE(cluster.paths[0].starts_with("PATCH ")) << cluster.paths[0];
  }
}

constexpr const char* kAsksWithToken =
    "  target: {type: kubernetes, labels: {app: api}}\n"
    "  sources: {prometheus: 'http://prometheus.shop:9090', access: {token: {name: prom-token, key: token}}}\n";

json::Value secret(const std::string& annotation) {
  json::Object annotations;
  if (!annotation.empty()) annotations["ordeal.dev/prometheus"] = annotation;
  return json::Object{{"metadata", json::Object{{"annotations", std::move(annotations)}}},
                      {"data", json::Object{{"token", "aHVudGVyMg=="}}}};
}

TEST_F(AdmissionTest, ASecretIsSentOnlyToTheHostThatItNames) {
  const char* path = "/api/v1/namespaces/shop/secrets/prom-token";
  std::string status = judge(kAsksWithToken, {{path, secret("http://prometheus.shop:9090")}});
  ASSERT_EQ(state, Admission::State::kAdmitted) << status;
  ASSERT_EQ(cluster.logins.size(), 1u);
  EXPECT_EQ(cluster.logins[0].token, "hunter2");
  for (const char* other : {"", "http://prometheus.kept:9090"}) {
    status = judge(kAsksWithToken, {{path, secret(other)}});
    EXPECT_EQ(state, Admission::State::kRefused) << status;
    EXPECT_NE(status.find("ordeal.dev/prometheus"), std::string::npos) << status;
    EXPECT_EQ(cluster.logins.size(), 1u) << "it was sent all the same";
  }
}

TEST_F(AdmissionTest, APortOfThePodsPagesMayBeAName) {
  auto spec = [](const char* port) {
    return std::string(kApi) + fmt::format("  sources: {{pods: {{port: {}}}}}\n", port);
  };
  for (const char* port : {"metrics", "9102"}) {
    cluster.experiments.clear();
    std::string status = judge(spec(port));
    ASSERT_EQ(state, Admission::State::kAdmitted) << status;
    ASSERT_EQ(cluster.experiments.at(0).sources.scrape.size(), 1u);
    EXPECT_EQ(cluster.experiments[0].sources.scrape[0].url, "http://10.0.0.9:9102/metrics");
  }
  std::string status = judge(spec("debug"));
  EXPECT_EQ(state, Admission::State::kRefused);
  EXPECT_NE(status.find("no container of the pod shop/api-1 has a port named debug"), std::string::npos) << status;
}

TEST_F(AdmissionTest, APolicyMayAllowAnotherNamespace) {
  cluster.stores.put_policy("blast_radius: {namespaces: [bank]}\ncross_namespace: true\n");
  std::string status = judge("  target: {type: kubernetes, namespace: bank, name: vault-2}\n");
  EXPECT_NE(status.find("the nearest name is vault-1"), std::string::npos) << status;
}

}  // namespace
}  // namespace ordeal::controller
