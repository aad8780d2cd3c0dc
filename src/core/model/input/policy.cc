#include "core/model/input/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "core/model/input/kubernetes_names.h"

namespace ordeal {
namespace {

Result<> decode_scope(const json::Reader& reader, std::vector<std::string>& namespaces, Labels& labels) {
  TRY_VOID(reader.only({"namespaces", "labels"}));
  if (auto field = TRY(reader.find("namespaces"))) namespaces = TRY(decode_namespaces(*field));
  if (auto field = TRY(reader.find("labels"))) labels = TRY(decode_labels(*field));
  if (namespaces.empty() && labels.empty())
    return reader.refuse("names no namespace and no label, so it has no effect");
  return {};
}

// A number of pods, or a share of those that match: "50%".
Result<> decode_floor(const json::Reader& reader, Policy& policy) {
  if (reader.value().is_number()) {
    policy.min_running = TRY(reader.integer(0, 1'000'000));
    return {};
  }
  constexpr std::string_view kWhat = "a number of pods, or a share such as \"50%\"";
  if (!reader.value().is_string()) return reader.expected(kWhat);
  std::string_view text = reader.value().get_string();
  if (!text.ends_with('%')) return reader.expected(kWhat);
  auto share = parse_number<double>(text.substr(0, text.size() - 1));
  if (!share || !(*share >= 0 && *share <= 100)) return reader.expected(kWhat);
  policy.min_running_percent = *share;
  return {};
}

Result<> decode_caps(const json::Reader& reader, Policy& policy) {
  TRY_VOID(reader.only(
      {"max_targets", "max_percent", "max_runs", "max_namespace_percent", "max_cluster_percent", "min_running"}));
  if (auto field = TRY(reader.find("max_targets"))) policy.max_targets = TRY(field->integer(0, 1'000'000));
  if (auto field = TRY(reader.find("max_percent"))) policy.max_percent = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("max_runs"))) policy.max_runs = TRY(field->integer(0, 1'000'000));
  if (auto field = TRY(reader.find("max_namespace_percent"))) policy.max_namespace_percent = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("max_cluster_percent"))) policy.max_cluster_percent = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("min_running"))) TRY_VOID(decode_floor(*field, policy));
  return {};
}

Result<> decode_of_cluster(const json::Reader& reader, Policy& policy) {
  if (auto field = TRY(reader.find("environment"))) policy.environment = TRY(field->text());
  if (auto field = TRY(reader.find("require_environment"))) {
    policy.require_environment = TRY(field->boolean());
    if (policy.require_environment && policy.environment.empty())
      return field->refuse("\"environment\" is missing: say which one this cluster is");
  }
  if (auto field = TRY(reader.find("require_all_traffic"))) policy.require_all_traffic = TRY(field->boolean());
  if (auto field = TRY(reader.find("cross_namespace"))) policy.cross_namespace = TRY(field->boolean());
  return {};
}

Result<Policy> decode_plain(const json::Document& document, std::string origin) {
  json::Reader reader(document);
  TRY_VOID(reader.only({"blast_radius", "protected", "caps", "environment", "require_environment",
                        "require_all_traffic", "cross_namespace"}));
  Policy policy;
  policy.origin = std::move(origin);
  if (auto field = TRY(reader.find("blast_radius"))) {
    policy.blast_radius.emplace();
    TRY_VOID(decode_scope(*field, policy.blast_radius->namespaces, policy.blast_radius->labels));
  }
  if (auto field = TRY(reader.find("protected")))
    TRY_VOID(decode_scope(*field, policy.protected_namespaces, policy.protected_labels));
  if (auto field = TRY(reader.find("caps"))) TRY_VOID(decode_caps(*field, policy));
  TRY_VOID(decode_of_cluster(reader, policy));
  return policy;
}

bool has_label(const Victim& victim, const std::string& key, const std::string& value) {
  auto found = victim.labels.find(key);
  return found != victim.labels.end() && found->second == value;
}

std::optional<std::string> protected_by(const Policy& policy, const Victim& victim) {
  for (const std::string& name : policy.protected_namespaces)
    if (name == victim.namespace_) return fmt::format("protected.namespaces lists \"{}\"", name);
  for (const auto& [key, value] : policy.protected_labels)
    if (has_label(victim, key, value)) return fmt::format("protected.labels lists {}={}", key, value);
  return std::nullopt;
}

std::optional<std::string> out_of_scope(const ScopeRule& scope, const Victim& victim) {
  auto& namespaces = scope.namespaces;
  if (!namespaces.empty() && std::find(namespaces.begin(), namespaces.end(), victim.namespace_) == namespaces.end())
    return fmt::format("blast_radius.namespaces does not list \"{}\"", victim.namespace_);
  for (const auto& [key, value] : scope.labels)
    if (!has_label(victim, key, value)) return fmt::format("blast_radius.labels asks for {}={}", key, value);
  return std::nullopt;
}

}  // namespace

Result<Policy> decode_policy(const json::Document& document, std::string origin) {
  json::Reader reader(document);
  auto kind = TRY(reader.find("kind"));
  if (!kind) return decode_plain(document, std::move(origin));
  TRY_VOID(kind->word({"ConfigMap"}).map([](auto) {}));
  auto data = TRY(TRY(reader.at("data")).fields());
  if (data.size() != 1) return TRY(reader.at("data")).refuse("expected one file in the ConfigMap's data");
  auto inner = json::parse_document(TRY(data[0].second.text()));
  if (!inner) return wrap(inner.error(), "data." + data[0].first);
  auto policy = decode_plain(*inner, std::move(origin));
  if (!policy) return wrap(policy.error(), "data." + data[0].first);
  return policy;
}

std::optional<Refusal> refusal_of(const Policy& policy, const Victim& victim) {
  std::optional<std::string> rule = protected_by(policy, victim);
  if (!rule && policy.blast_radius) rule = out_of_scope(*policy.blast_radius, victim);
  if (!rule) return std::nullopt;
  return Refusal{victim.name, policy.origin + ": " + *rule};
}

int64_t take_percent(int64_t n, double percent) {
  // 1e-9 keeps 29 % of 100 at 29 although 29 * 100 / 100.0 may fall below it in binary.
  return static_cast<int64_t>(std::floor(static_cast<double>(n) * percent / 100 + 1e-9));
}

std::optional<std::string> cap_broken(const Policy& policy, const ActiveLoad& active, int64_t chosen,
                                      int64_t candidates) {
  if (policy.max_runs && active.runs + 1 > *policy.max_runs)
    return fmt::format("{}: caps.max_runs is {} and {} already run", policy.origin, *policy.max_runs, active.runs);
  if (policy.max_targets && active.targets + chosen > *policy.max_targets)
    return fmt::format("{}: caps.max_targets is {}; {} are already hit and {} more are asked for", policy.origin,
                       *policy.max_targets, active.targets, chosen);
  if (policy.max_percent && active.candidates + chosen > take_percent(candidates, *policy.max_percent)) {
    std::string already = active.candidates ? fmt::format("{} are already hit", active.candidates) : "";
    return fmt::format("{}: caps.max_percent is {}, so {} of {} may be hit{}{}, and {} are asked for", policy.origin,
                       *policy.max_percent, take_percent(candidates, *policy.max_percent), candidates,
                       already.empty() ? "" : "; ", already, chosen);
  }
  return std::nullopt;
}

}  // namespace ordeal
