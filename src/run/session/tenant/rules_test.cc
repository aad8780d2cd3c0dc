#include "run/session/tenant/rules.h"

#include <gtest/gtest.h>

#include "core/json/yaml.h"
#include "platform/net/client/outward.h"
#include "run/session/cluster/prepare_cluster.h"

namespace ordeal::session {
namespace {

std::string tenant_refusal(const std::string& more) {
  std::string text =
      "metadata: {name: x, namespace: shop, uid: u, resourceVersion: \"1\"}\nspec:\n  attack: {type: cpu}\n  target: "
      "{type: kubernetes, labels: {app: api}}\n" +
      more;
  auto object = cluster::experiment_object_from_json(json::Value(json::parse_document(text).value().value));
  if (!object) return object.error().message();
  auto read = read_cluster_experiment(*object, 1);
  return read ? "" : read.error().message();
}

TEST(TenantRules, NothingOfTheControllersOwnHostIsAsked) {
  const char* said = "the controller's own host or link";
  for (const char* host : {"127.0.0.1", "169.254.169.254", "[::1]", "[fe80::1]", "localhost", "0.0.0.0", "127.1",
                           "2130706433", "[::ffff:127.0.0.1]"}) {
    EXPECT_NE(tenant_refusal(fmt::format("  sources: {{prometheus: 'http://{}:9090'}}\n", host)).find(said),
              std::string::npos)
        << host;
    EXPECT_NE(tenant_refusal(fmt::format("  sources: {{scrape: [{{url: 'http://{}:1/metrics'}}]}}\n", host)).find(said),
              std::string::npos)
        << host;
    EXPECT_NE(
        tenant_refusal(fmt::format("  expect: [{{probe: {{http: 'http://{}/x'}}, condition: result == 200}}]\n", host))
            .find(said),
        std::string::npos)
        << host;
    EXPECT_NE(tenant_refusal(fmt::format("  expect: [{{probe: {{tcp: '{}:80'}}, condition: result < 1}}]\n", host))
                  .find(said),
              std::string::npos)
        << host;
    EXPECT_NE(tenant_refusal(fmt::format("  rollback: [{{http: {{url: 'http://{}/x'}}}}]\n", host)).find(said),
              std::string::npos)
        << host;
  }
  auto look_at = [](const char* host) {
    return fmt::format("  expect: [{{probe: {{certificate: {{host: '{}'}}}}, condition: result > 720}}]\n", host);
  };
  for (const char* host : {"127.0.0.1", "::1", "169.254.169.254"})
    EXPECT_NE(tenant_refusal(look_at(host)).find("expect[0].probe.certificate"), std::string::npos) << host;
  EXPECT_EQ(tenant_refusal(look_at("10.0.0.7")), "");
  EXPECT_EQ(tenant_refusal("  sources: {prometheus: 'http://prometheus.monitoring:9090'}\n"), "");
  EXPECT_EQ(tenant_refusal("  expect: [{probe: {tcp: '10.0.0.7:80'}, condition: result < 1}]\n"), "");
}

TEST(TenantRules, OneRunWatchesABoundedNumberOfThings) {
  std::string expect = "  expect:\n";
  for (int i = 0; i < 33; ++i)
    expect += fmt::format("  - {{name: e{}, probe: {{tcp: '10.0.0.7:80'}}, condition: result < 1}}\n", i);
  EXPECT_NE(tenant_refusal(expect).find("33 expectations"), std::string::npos) << tenant_refusal(expect);
  expect.resize(expect.rfind("  - "));
  EXPECT_EQ(tenant_refusal(expect), "");
}

TEST(TenantRules, ASubqueryIsNoFinerThanItsSamples) {
  auto with = [](const char* step) {
    return tenant_refusal(
        fmt::format("  sources: {{scrape: [{{url: 'http://api:1/metrics'}}], interval: 1s}}\n  expect: "
                    "[{{query: 'max(abs(max_over_time(up[10m:{}])))', condition: result < 1}}]\n",
                    step));
  };
  EXPECT_NE(with("10ms").find("the step 10ms"), std::string::npos) << with("10ms");
  EXPECT_EQ(with("1s"), "");
  EXPECT_EQ(with(""), "");
}

json::Value secret(const std::string& annotation) {
  return json::Object{{"metadata", json::Object{{"annotations", json::Object{{kPrometheusAnnotation, annotation}}}}}};
}

TEST(TenantRules, ASecretGoesOnlyWhereItsKeeperSays) {
  auto may = [](const std::string& annotation, const std::string& url) {
    return check_secret_home("token", secret(annotation), url).has_value();
  };
  EXPECT_TRUE(may("https://prometheus.shop:443", "https://prometheus.shop/prefix"));
  EXPECT_TRUE(may("http://Prometheus:9090", "http://prometheus:9090"));
  for (const char* url : {"https://evil.example", "http://prometheus.shop:443", "https://prometheus.shop:444",
                          "https://prometheus.shop@evil.example", "https://prometheus.shop.evil.example", ""})
    EXPECT_FALSE(may("https://prometheus.shop", url)) << url;
  EXPECT_FALSE(may("", ""));
  EXPECT_FALSE(may("", "https://prometheus.shop"));
  EXPECT_FALSE(check_secret_home("token", json::Value(json::Object()), "https://prometheus.shop"));
}

}  // namespace
}  // namespace ordeal::session
