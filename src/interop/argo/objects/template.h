// Template: an AnalysisTemplate, a ClusterAnalysisTemplate, or an AnalysisRun, whose spec is the same with what a run
// has besides. Metadata is read for its name alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interop/argo/objects/metric.h"

namespace ordeal::argo {

struct ValueFrom {
  std::string secret, secret_key;
  std::string pod_hash;    // "Stable" or "Latest"; in a Rollout only
  std::string field_path;  // of the Rollout
};

struct Argument {
  std::string name;
  std::optional<std::string> value;
  std::optional<ValueFrom> from;
  json::Origin origin;
};

// An entry of dryRun or measurementRetention.
struct MetricRule {
  std::string pattern;  // a regular expression on the metric's name, anywhere in it
  int64_t limit = 0;    // of measurementRetention
  json::Origin origin;
};

struct TemplateRef {
  std::string name;
  bool cluster = false;
  json::Origin origin;
};

struct Template {
  enum class Scope { kTemplate, kClusterTemplate, kRun };
  Scope kind = Scope::kTemplate;
  std::string name;
  std::string namespace_;
  std::vector<Argument> args;
  std::vector<MetricTemplate> metrics;
  std::vector<MetricRule> dry_run, retention;
  std::vector<TemplateRef> templates;  // more of them, whose metrics are added
  bool terminate = false;              // of a run
  std::string file;                    // that it stands in, for findings
  json::Origin origin;
};
const char* to_text(Template::Scope kind);

Result<Template> decode_template(const json::Document& document);

// What a Rollout's analysis has in common with a template.
Result<std::vector<Argument>> decode_arguments(const json::Reader& reader);
Result<std::vector<MetricRule>> decode_rules(const json::Reader& reader, bool with_limit);
Result<std::vector<TemplateRef>> decode_template_refs(const json::Reader& reader);

// The object's own name and namespace.
struct ObjectName {
  std::string name, namespace_;
  bool generated = false;  // generateName: only the beginning of a name
};
Result<ObjectName> decode_name(const json::Reader& root);

}  // namespace ordeal::argo
