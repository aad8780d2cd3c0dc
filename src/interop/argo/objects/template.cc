#include "interop/argo/objects/template.h"

#include <array>

namespace ordeal::argo {
namespace {

using json::Reader;
using Scope = Template::Scope;

constexpr std::array kKinds{"AnalysisTemplate", "ClusterAnalysisTemplate", "AnalysisRun"};

Result<ValueFrom> decode_value_from(const Reader& reader) {
  TRY_VOID(reader.only({"secretKeyRef", "podTemplateHashValue", "fieldRef"}));
  ValueFrom from;
  int kinds = 0;
  if (auto secret = TRY(reader.find("secretKeyRef"))) {
    TRY_VOID(secret->only({"name", "key"}));
    from.secret = TRY(TRY(secret->at("name")).text());
    from.secret_key = TRY(TRY(secret->at("key")).text());
    ++kinds;
  }
  if (auto hash = TRY(reader.find("podTemplateHashValue")))
    ++kinds, from.pod_hash = TRY(hash->word({"Stable", "Latest"}));
  if (auto field = TRY(reader.find("fieldRef"))) {
    TRY_VOID(field->only({"fieldPath"}));
    from.field_path = TRY(TRY(field->at("fieldPath")).text());
    ++kinds;
  }
  if (kinds != 1) return reader.refuse("expected exactly one of secretKeyRef, podTemplateHashValue and fieldRef");
  return from;
}

Result<Argument> decode_argument(const Reader& reader) {
  TRY_VOID(reader.only({"name", "value", "valueFrom"}));
  Argument argument;
  argument.origin = reader.origin();
  argument.name = TRY(TRY(reader.at("name")).text());
  if (auto field = TRY(reader.find("value"))) {
    if (!field->value().is_string()) return field->expected("text (in quotes, since Argo takes texts only)");
    argument.value = std::string(field->value().get_string());
  }
  if (auto field = TRY(reader.find("valueFrom"))) argument.from = TRY(decode_value_from(*field));
  return argument;
}

// When a cluster deletes a run that has ended: no matter of ours.
Result<> check_ttl(const Reader& reader) {
  TRY_VOID(reader.only({"secondsAfterCompletion", "secondsAfterFailure", "secondsAfterSuccess"}));
  for (const auto& [key, field] : TRY(reader.fields())) TRY_VOID(field.integer(0, INT32_MAX));
  return {};
}

Result<> decode_run(const Reader& spec, Template& into) {
  if (auto field = TRY(spec.find("terminate"))) into.terminate = TRY(field->boolean());
  if (auto field = TRY(spec.find("ttlStrategy"))) TRY_VOID(check_ttl(*field));
  return {};
}

Result<Scope> decode_kind(const Reader& root) {
  Reader field = TRY(root.at("kind"));
  std::string word = TRY(field.word({kKinds.begin(), kKinds.end()}));
  return static_cast<Scope>(std::find(kKinds.begin(), kKinds.end(), word) - kKinds.begin());
}

}  // namespace

const char* to_text(Scope kind) { return kKinds[static_cast<size_t>(kind)]; }

Result<ObjectName> decode_name(const Reader& root) {
  ObjectName found;
  Reader metadata = TRY(root.at("metadata"));
  auto name = TRY(metadata.find("name"));
  found.generated = !name;
  if (!name) name = TRY(metadata.find("generateName"));
  if (!name) return metadata.refuse("\"name\" is missing");
  found.name = TRY(name->text());
  if (auto field = TRY(metadata.find("namespace"))) found.namespace_ = TRY(field->text());
  return found;
}

Result<std::vector<Argument>> decode_arguments(const Reader& reader) {
  std::vector<Argument> all;
  for (const Reader& item : TRY(reader.items())) {
    all.push_back(TRY(decode_argument(item)));
    for (size_t i = 0; i + 1 < all.size(); ++i)
      if (all[i].name == all.back().name) return item.refuse("the argument \"" + all[i].name + "\" is given twice");
  }
  return all;
}

Result<std::vector<MetricRule>> decode_rules(const Reader& reader, bool with_limit) {
  std::vector<MetricRule> rules;
  for (const Reader& item : TRY(reader.items())) {
    if (with_limit) TRY_VOID(item.only({"metricName", "limit"}));
    if (!with_limit) TRY_VOID(item.only({"metricName"}));
    MetricRule rule;
    rule.origin = item.origin();
    rule.pattern = TRY(TRY(item.at("metricName")).text());
    if (with_limit) rule.limit = TRY(TRY(item.at("limit")).integer(INT32_MIN, INT32_MAX));
    rules.push_back(std::move(rule));
  }
  return rules;
}

Result<std::vector<TemplateRef>> decode_template_refs(const Reader& reader) {
  std::vector<TemplateRef> refs;
  for (const Reader& item : TRY(reader.items())) {
    TRY_VOID(item.only({"templateName", "clusterScope"}));
    TemplateRef ref;
    ref.origin = item.origin();
    ref.name = TRY(TRY(item.at("templateName")).text());
    if (auto field = TRY(item.find("clusterScope"))) ref.cluster = TRY(field->boolean());
    refs.push_back(std::move(ref));
  }
  return refs;
}

Result<Template> decode_template(const json::Document& document) {
  Reader root(document);
  TRY_VOID(root.only({"apiVersion", "kind", "metadata", "spec", "status"}));
  Template made;
  made.kind = TRY(decode_kind(root));
  ObjectName name = TRY(decode_name(root));
  made.name = name.name;
  made.namespace_ = name.namespace_;
  made.origin = root.origin();
  Reader spec = TRY(root.at("spec"));
  bool is_run = made.kind == Scope::kRun;
  if (is_run) TRY_VOID(spec.only({"metrics", "args", "dryRun", "measurementRetention", "terminate", "ttlStrategy"}));
  if (!is_run) TRY_VOID(spec.only({"metrics", "args", "dryRun", "measurementRetention", "templates"}));
  if (auto field = TRY(spec.find("args"))) made.args = TRY(decode_arguments(*field));
  if (auto field = TRY(spec.find("dryRun"))) made.dry_run = TRY(decode_rules(*field, false));
  if (auto field = TRY(spec.find("measurementRetention"))) made.retention = TRY(decode_rules(*field, true));
  if (auto field = TRY(spec.find("templates"))) made.templates = TRY(decode_template_refs(*field));
  if (is_run) TRY_VOID(decode_run(spec, made));
  auto metrics = TRY(spec.find("metrics"));
  if (!metrics) return made;
  for (const Reader& item : TRY(metrics->items())) made.metrics.push_back(TRY(decode_metric_template(item)));
  return made;
}

}  // namespace ordeal::argo
