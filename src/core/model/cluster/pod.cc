#include "core/model/cluster/pod.h"

#include <algorithm>

#include "core/model/cluster/reading.h"

namespace ordeal::cluster {
namespace {

using json::Reader;

Result<> take_labels(const Reader& metadata, Labels& labels) {
  auto field = TRY(metadata.find("labels"));
  if (!field) return {};
  for (const auto& [key, value] : TRY(field->fields())) labels[key] = TRY(json::Codec<std::string>::read(value));
  return {};
}

Result<> take_default_container(const Reader& metadata, Pod& pod) {
  auto field = TRY(metadata.find("annotations"));
  return field ? take(*field, "kubectl.kubernetes.io/default-container", pod.default_container) : Result<>();
}

// Name and uid there must be, of what has a namespace that as well.
template <typename T>
Result<Reader> take_identity(const Reader& object, T& into) {
  Reader metadata = TRY(object.at("metadata"));
  into.name = TRY(TRY(metadata.at("name")).text());
  if constexpr (requires { into.namespace_; }) into.namespace_ = TRY(TRY(metadata.at("namespace")).text());
  if constexpr (requires { into.uid; }) into.uid = TRY(TRY(metadata.at("uid")).text());
  return metadata;
}

Result<std::optional<OwnerRef>> controller_of(const Reader& metadata) {
  auto owners = TRY(metadata.find("ownerReferences"));
  if (!owners) return std::nullopt;
  for (const Reader& owner : TRY(owners->items())) {
    bool controls = false;
    TRY_VOID(take(owner, "controller", controls));
    if (!controls) continue;
    OwnerRef found;
    found.kind = TRY(TRY(owner.at("kind")).text());
    found.name = TRY(TRY(owner.at("name")).text());
    found.uid = TRY(TRY(owner.at("uid")).text());
    return found;
  }
  return std::nullopt;
}

// Whether the condition `type` is True.
Result<bool> is_true(const Reader& status, std::string_view type) {
  auto conditions = TRY(status.find("conditions"));
  if (!conditions) return false;
  for (const Reader& condition : TRY(conditions->items()))
    if (TRY(TRY(condition.at("type")).text()) == type) return TRY(TRY(condition.at("status")).text()) == "True";
  return false;
}

// "containerd://8091…" without what stands before the id.
std::string bare_id(const std::string& id) {
  size_t scheme = id.find("://");
  return scheme == std::string::npos ? id : id.substr(scheme + 3);
}

Result<> take_state(const Reader& status, Container& container) {
  auto state = TRY(status.find("state"));
  if (!state) return {};
  auto running = TRY(state->find("running"));
  if (!running) return {};
  container.running = true;
  auto since = TRY(running->find("startedAt"));
  if (!since) return {};
  auto time = parse_rfc3339(TRY(since->text()));
  if (!time) return since->expected("a time such as 2026-11-23T11:20:12Z");
  container.started = *time;
  return {};
}

Result<> add_ports(const Reader& container, std::vector<NamedPort>& ports) {
  auto list = TRY(container.find("ports"));
  if (!list) return {};
  for (const Reader& item : TRY(list->items())) {
    NamedPort port;
    TRY_VOID(take(item, "name", port.name));
    TRY_VOID(take(item, "containerPort", port.number));
    if (!port.name.empty()) ports.push_back(std::move(port));
  }
  return {};
}

// Of spec.containers or spec.initContainers: those that will be there, whether or not they run yet.
Result<> add_declared(const Reader& spec, std::string_view key, bool init, Pod& pod) {
  auto list = TRY(spec.find(key));
  if (!list) return {};
  for (const Reader& item : TRY(list->items())) {
    Container container;
    container.name = TRY(TRY(item.at("name")).text());
    container.init = init;
    pod.containers.push_back(std::move(container));
    TRY_VOID(add_ports(item, pod.ports));
  }
  return {};
}

Result<> add_states(const Reader& status, std::string_view key, bool init, std::vector<Container>& containers) {
  auto list = TRY(status.find(key));
  if (!list) return {};
  for (const Reader& item : TRY(list->items())) {
    std::string name = TRY(TRY(item.at("name")).text());
    auto same = [&](const Container& c) { return c.init == init && c.name == name; };
    auto at = std::find_if(containers.begin(), containers.end(), same);
    if (at == containers.end()) continue;
    std::string id;
    TRY_VOID(take(item, "containerID", id));
    at->id = bare_id(id);
    TRY_VOID(take(item, "ready", at->ready));
    TRY_VOID(take(item, "restartCount", at->restarts));
    TRY_VOID(take_state(item, *at));
  }
  return {};
}

Result<> take_spec(const Reader& spec, Pod& pod) {
  TRY_VOID(take(spec, "nodeName", pod.node));
  TRY_VOID(take(spec, "hostNetwork", pod.host_network));
  TRY_VOID(take(spec, "shareProcessNamespace", pod.shares_processes));
  TRY_VOID(add_declared(spec, "containers", false, pod));
  return add_declared(spec, "initContainers", true, pod);
}

Result<> take_status(const Reader& status, Pod& pod) {
  TRY_VOID(take(status, "phase", pod.phase));
  TRY_VOID(take(status, "podIP", pod.ip));
  pod.ready = TRY(is_true(status, "Ready"));
  TRY_VOID(add_states(status, "containerStatuses", false, pod.containers));
  return add_states(status, "initContainerStatuses", true, pod.containers);
}

// The selector, or null.
Result<json::Value> selector_of(const Reader& object) {
  json::Value selector;
  if (auto spec = TRY(object.find("spec")))
    if (auto field = TRY(spec->find("selector"))) selector = field->value();
  return selector;
}

}  // namespace

bool Pod::says_it_is_ordeals() const {
  auto app = labels.find("app.kubernetes.io/name");
  return app != labels.end() && app->second == "ordeal";
}

bool Pod::is_ordeals(const std::string& own_namespace) const {
  return namespace_ == own_namespace && says_it_is_ordeals();
}

const Container* Pod::usual_container() const {
  auto is_usual = [&](const Container& container) {
    return default_container.empty() ? !container.init : container.name == default_container;
  };
  auto found = std::find_if(containers.begin(), containers.end(), is_usual);
  return found == containers.end() ? nullptr : &*found;
}

Result<Pod> pod_from_json(const json::Value& value) {
  Reader object(value, kNoLines);
  Pod pod;
  Reader metadata = TRY(take_identity(object, pod));
  TRY_VOID(take_labels(metadata, pod.labels));
  TRY_VOID(take_default_container(metadata, pod));
  pod.terminating = TRY(metadata.find("deletionTimestamp")).has_value();
  pod.controller = TRY(controller_of(metadata));
  TRY_VOID(take_spec(TRY(object.at("spec")), pod));
  if (auto status = TRY(object.find("status"))) TRY_VOID(take_status(*status, pod));
  return pod;
}

Result<Node> node_from_json(const json::Value& value) {
  Reader object(value, kNoLines);
  Node node;
  Reader metadata = TRY(take_identity(object, node));
  TRY_VOID(take_labels(metadata, node.labels));
  if (auto zone = node.labels.find("topology.kubernetes.io/zone"); zone != node.labels.end()) node.zone = zone->second;
  if (auto status = TRY(object.find("status"))) node.ready = TRY(is_true(*status, "Ready"));
  return node;
}

Result<Workload> workload_from_json(const std::string& kind, const json::Value& value) {
  Reader object(value, kNoLines);
  Workload workload;
  workload.kind = kind;
  TRY_VOID(take_identity(object, workload).map([](auto) {}));
  workload.selector = TRY(selector_of(object));
  return workload;
}

Result<DisruptionBudget> budget_from_json(const json::Value& value) {
  Reader object(value, kNoLines);
  DisruptionBudget budget;
  TRY_VOID(take_identity(object, budget).map([](auto) {}));
  budget.selector = TRY(selector_of(object));
  if (auto status = TRY(object.find("status"))) TRY_VOID(take(*status, "disruptionsAllowed", budget.allowed));
  return budget;
}

}  // namespace ordeal::cluster
