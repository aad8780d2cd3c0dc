#include "core/model/experiment/target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace ordeal {
namespace {

using json::Reader;

constexpr std::array kTypes{"host", "process", "container", "kubernetes", "systemd", "node"};

// Every way to say a kind: kubectl's own names, in small letters.
struct KindWords {
  const char* kind;
  std::array<std::string_view, 3> words;
};
constexpr std::array<KindWords, 6> kKinds{{{"Deployment", {"deployment", "deployments", "deploy"}},
                                           {"StatefulSet", {"statefulset", "statefulsets", "sts"}},
                                           {"DaemonSet", {"daemonset", "daemonsets", "ds"}},
                                           {"ReplicaSet", {"replicaset", "replicasets", "rs"}},
                                           {"Rollout", {"rollout", "rollouts", "ro"}},
                                           {"Service", {"service", "services", "svc"}}}};

// "" where no kind is called so.
std::string kind_called(std::string word) {
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const KindWords& known : kKinds)
    if (std::find(known.words.begin(), known.words.end(), word) != known.words.end()) return known.kind;
  return {};
}

Result<WorkloadRef> workload_of(const Reader& at_kind, const std::string& kind, const Reader& at_name,
                                const std::string& name) {
  WorkloadRef workload{kind_called(kind), name};
  if (workload.kind.empty())
    return at_kind.expected("a kind of workload: deployment, statefulset, daemonset, replicaset, rollout or service");
  if (!is_object_name(name)) return at_name.expected("the name of a workload (a-z, 0-9, - and .)");
  return workload;
}

Result<WorkloadRef> decode_workload(const Reader& reader) {
  if (reader.value().is_object()) {
    TRY_VOID(reader.only({"kind", "name"}));
    Reader kind = TRY(reader.at("kind"));
    Reader name = TRY(reader.at("name"));
    std::string kind_text = TRY(kind.text());
    return workload_of(kind, kind_text, name, TRY(name.text()));
  }
  std::string text = TRY(reader.text());
  size_t slash = text.find('/');
  if (slash == std::string::npos) return reader.expected("KIND/NAME, such as deployment/api");
  return workload_of(reader, text.substr(0, slash), reader, text.substr(slash + 1));
}

// One text or a list of at least one.
Result<std::vector<std::string>> decode_names(const Reader& reader) {
  std::vector<std::string> names = TRY(reader.texts());
  if (names.empty()) return reader.refuse("an empty list names nothing; leave it out");
  return names;
}

Result<LabelSelector> decode_selector(const Reader& reader) {
  auto selector = parse_label_selector(TRY(reader.text()));
  if (!selector) return reader.refuse(selector.error().what);
  return selector;
}

Result<LabelSelector> selector_of_labels(const Reader& reader) {
  LabelSelector selector;
  for (auto& [key, value] : TRY(reader.labels())) selector.all.push_back({key, LabelRequirement::Op::kIn, {value}});
  if (selector.all.empty()) return reader.refuse("no label describes everything; leave it out");
  return selector;
}

Result<Exclusion> decode_exclusion(const Reader& reader) {
  TRY_VOID(reader.only({"name", "node", "zone", "selector", "labels"}));
  Exclusion exclude;
  if (auto field = TRY(reader.find("name"))) exclude.names = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("node"))) exclude.nodes = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("zone"))) exclude.zones = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("selector"))) exclude.selector = TRY(decode_selector(*field));
  if (auto field = TRY(reader.find("labels"))) {
    if (exclude.selector) return field->refuse("give labels or selector, not both");
    exclude.selector = TRY(selector_of_labels(*field));
  }
  if (exclude.names.empty() && exclude.nodes.empty() && exclude.zones.empty() && !exclude.selector)
    return reader.refuse("excludes nothing; leave it out");
  return exclude;
}

// What only a cluster has.
Result<> decode_in_cluster(const Reader& reader, Target& target) {
  if (auto field = TRY(reader.find("selector"))) target.selector = TRY(decode_selector(*field));
  if (auto field = TRY(reader.find("workload"))) target.workload = TRY(decode_workload(*field));
  if (auto field = TRY(reader.find("container"))) target.containers = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("zone"))) target.zones = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("node"))) target.nodes = TRY(decode_names(*field));
  if (auto field = TRY(reader.find("exclude"))) target.exclude = TRY(decode_exclusion(*field));
  if (auto field = TRY(reader.find("ready"))) target.ready = TRY(field->boolean());
  if (auto field = TRY(reader.find("follow"))) target.follow = TRY(field->boolean());
  return {};
}

// The keys that say nothing of a target of these types.
struct Foreign {
  TargetType type;
  const char* why;
  std::vector<std::string_view> keys;
};
const std::vector<Foreign>& foreign_keys() {
  static const std::vector<std::string_view> in_cluster{"selector", "workload", "container", "zone",
                                                        "node",     "exclude",  "ready",     "follow"};
  static const std::vector<Foreign> all{
      {TargetType::kSystemd, "a systemd unit has a name or a cgroup only", {"id", "pattern", "user"}},
      {TargetType::kSystemd, "only a target of a cluster has it (kubernetes, container or node)", in_cluster},
      {TargetType::kProcess, "only a target of a cluster has it (kubernetes, container or node)", in_cluster},
      {TargetType::kNode,
       "a node has a name, labels and a zone only",
       {"namespace", "id", "pattern", "user", "cgroup", "workload", "container", "follow"}},
      {TargetType::kHost, "a host has a name, labels and a zone only", {"workload", "container", "follow"}}};
  return all;
}

Result<> refuse_foreign(const Reader& reader, TargetType type) {
  for (const Foreign& foreign : foreign_keys()) {
    if (foreign.type != type) continue;
    for (std::string_view key : foreign.keys)
      if (auto field = TRY(reader.find(key))) return field->refuse(foreign.why);
  }
  return {};
}

json::Object labels_json(const Labels& labels) {
  json::Object object;
  for (const auto& [key, value] : labels) object[key] = value;
  return object;
}

void put(json::Object& object, const char* key, const std::vector<std::string>& texts) {
  if (!texts.empty()) object[key] = json::texts(texts);
}

json::Object exclusion_json(const Exclusion& exclude) {
  json::Object object;
  put(object, "name", exclude.names);
  put(object, "node", exclude.nodes);
  put(object, "zone", exclude.zones);
  if (exclude.selector) object["selector"] = exclude.selector->text();
  return object;
}

void put_in_cluster(json::Object& object, const Target& target) {
  if (target.selector) object["selector"] = target.selector->text();
  if (target.workload) object["workload"] = fmt::format("{}/{}", target.workload->kind, target.workload->name);
  put(object, "container", target.containers);
  put(object, "zone", target.zones);
  put(object, "node", target.nodes);
  if (json::Object exclude = exclusion_json(target.exclude); !exclude.empty()) object["exclude"] = std::move(exclude);
  if (target.ready) object["ready"] = true;
  if (target.follow) object["follow"] = true;
}

}  // namespace

Result<Target> decode_target(const Reader& reader) {
  TRY_VOID(reader.only({"type", "namespace", "labels", "name", "id", "pattern", "user", "cgroup", "percentage", "count",
                        "selector", "workload", "container", "zone", "node", "exclude", "ready", "follow"}));
  Target target;
  std::string type = TRY(TRY(reader.at("type")).word({kTypes.begin(), kTypes.end()}));
  target.type = static_cast<TargetType>(std::find(kTypes.begin(), kTypes.end(), type) - kTypes.begin());
  if (auto field = TRY(reader.find("namespace"))) target.namespace_ = TRY(field->text());
  if (auto field = TRY(reader.find("labels")))
    for (auto& [key, value] : TRY(field->labels())) target.labels[key] = value;
  for (std::string_view key : {"name", "id"})
    if (auto field = TRY(reader.find(key)))
      for (std::string& name : TRY(field->texts())) target.names.push_back(std::move(name));
  if (auto field = TRY(reader.find("pattern"))) target.pattern = TRY(field->text());
  if (auto field = TRY(reader.find("user"))) target.user = TRY(field->text());
  if (auto field = TRY(reader.find("cgroup"))) target.cgroup = TRY(field->text());
  if (auto field = TRY(reader.find("percentage"))) target.percentage = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("count"))) target.count = TRY(field->integer(0, 1'000'000));
  if (target.percentage && target.count) return reader.refuse("give percentage or count, not both");
  TRY_VOID(decode_in_cluster(reader, target));
  TRY_VOID(refuse_foreign(reader, target.type));
  return target;
}

json::Value to_json(const Target& target) {
  json::Object object{{"type", kTypes[static_cast<size_t>(target.type)]}};
  if (!target.namespace_.empty()) object["namespace"] = target.namespace_;
  if (!target.labels.empty()) object["labels"] = labels_json(target.labels);
  put(object, "name", target.names);
  if (!target.pattern.empty()) object["pattern"] = target.pattern;
  if (!target.user.empty()) object["user"] = target.user;
  if (!target.cgroup.empty()) object["cgroup"] = target.cgroup;
  if (target.percentage) object["percentage"] = *target.percentage;
  if (target.count) object["count"] = *target.count;
  put_in_cluster(object, target);
  return object;
}

}  // namespace ordeal
