// For the tests of src/argo: objects from short texts, and a whole Rollout with its analysis.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "argo/objects/manifest.h"
#include "argo/run/arguments.h"

namespace ordeal::argo {

template <typename T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message();
}

inline Manifest manifest_of(const std::string& text) {
  Manifest manifest;
  auto documents = json::parse_documents(text);
  EXPECT_TRUE(documents) << error_of(documents);
  for (const json::Document& document : *documents) {
    auto added = add_document(manifest, document);
    EXPECT_TRUE(added) << error_of(added);
  }
  return manifest;
}

// Of the fields of a metric, in YAML's flow form: "interval: 1m, count: 3".
inline std::string template_text(const std::string& fields, const std::string& name = "t") {
  return "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: " + name +
         "}\nspec:\n  metrics:\n  - {name: m, provider: {prometheus: {address: 'http://p', query: up}}, " + fields +
         "}\n";
}

inline Result<Metric> decode_fields(const std::string& fields) {
  json::Document document =
      TRY(json::parse_document("name: m\nprovider: {prometheus: {address: 'http://p', query: up}}\n" + fields));
  return decode_metric(json::Reader(document));
}
// One field a line, or several divided by "\n".
inline Metric metric_of(const std::string& fields) {
  auto metric = decode_fields(fields);
  EXPECT_TRUE(metric) << fields << ": " << error_of(metric);
  return metric ? *metric : Metric{};
}

constexpr const char* kExampleRollout = R"(# rollback-on-high-error-rate.yaml
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: fastapi-backend
spec:
  strategy:
    canary:
      steps:
        - setWeight: 20
        - pause: {duration: 2m}
        - setWeight: 50
        - pause: {duration: 5m}
        - setWeight: 100

      analysis:
        templates:
          - templateName: error-rate-analysis
        args:
          - name: error-rate-threshold
            value: "0.01"  # 1% error rate

---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata:
  name: error-rate-analysis
spec:
  args:
    - name: error-rate-threshold
  metrics:
    - name: error-rate
      interval: 1m
      successCondition: result < {{args.error-rate-threshold}}
      provider:
        prometheus:
          address: http://prometheus:9090
          query: |
            sum(rate(http_requests_total{status=~"5.."}[1m]))
            /
            sum(rate(http_requests_total[1m]))
)";

}  // namespace ordeal::argo
