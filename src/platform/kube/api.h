// The words of the Kubernetes API: resources and their paths, requests, and what a refusal says. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal::kube {

struct Resource {
  std::string_view group;  // "" is the core group
  std::string_view version;
  std::string_view plural;
  bool namespaced = true;
};

inline constexpr Resource kPods{"", "v1", "pods"};
inline constexpr Resource kNodes{"", "v1", "nodes", false};
inline constexpr Resource kNamespaces{"", "v1", "namespaces", false};
inline constexpr Resource kServices{"", "v1", "services"};
inline constexpr Resource kConfigMaps{"", "v1", "configmaps"};
inline constexpr Resource kSecrets{"", "v1", "secrets"};
inline constexpr Resource kEvents{"", "v1", "events"};
inline constexpr Resource kDeployments{"apps", "v1", "deployments"};
inline constexpr Resource kReplicaSets{"apps", "v1", "replicasets"};
inline constexpr Resource kStatefulSets{"apps", "v1", "statefulsets"};
inline constexpr Resource kDaemonSets{"apps", "v1", "daemonsets"};
inline constexpr Resource kRollouts{"argoproj.io", "v1alpha1", "rollouts"};
inline constexpr Resource kAnalysisTemplates{"argoproj.io", "v1alpha1", "analysistemplates"};
inline constexpr Resource kClusterAnalysisTemplates{"argoproj.io", "v1alpha1", "clusteranalysistemplates", false};
inline constexpr Resource kBudgets{"policy", "v1", "poddisruptionbudgets"};
inline constexpr Resource kLeases{"coordination.k8s.io", "v1", "leases"};
inline constexpr Resource kAccessReviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews", false};
inline constexpr Resource kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions", false};
inline constexpr Resource kExperiments{"ordeal.dev", "v1alpha1", "experiments"};
inline constexpr Resource kInjections{"ordeal.dev", "v1alpha1", "injections"};
inline constexpr Resource kHalts{"ordeal.dev", "v1alpha1", "halts", false};

// "pods" or "experiments.ordeal.dev".
std::string to_text(const Resource& resource);

struct ObjectName {
  std::string namespace_;  // "" for what is not namespaced, and for a list over all namespaces
  std::string name;        // "" is the collection
  std::string subresource{};
};
// NAMESPACE/NAME, as flags have it; kInvalidInput otherwise.
Result<ObjectName> parse_object_name(std::string_view text);
// "/api/v1/namespaces/shop/pods/api-1/eviction". Names are percent-encoded: no name can leave its place.
std::string path_of(const Resource& resource, const ObjectName& object);

using Query = std::vector<std::pair<std::string, std::string>>;

// `type` of a PATCH.
inline constexpr const char* kMergePatch = "application/merge-patch+json";
inline constexpr const char* kJsonPatch = "application/json-patch+json";
inline constexpr const char* kStrategicPatch = "application/strategic-merge-patch+json";
inline constexpr const char* kApplyPatch = "application/apply-patch+yaml";

struct Request {
  std::string method = "GET";
  std::string path;  // of path_of(), or a non-resource one such as /version
  Query query{};
  std::string body{};  // JSON; "" is none
  std::string type = "application/json";
  Nanos timeout = 10s;
  std::string wrong{};  // why it cannot be meant: it fails as kInvalid and is not sent
};

// `get` without a name is of the collection. What the API takes beside these goes into `query`: fieldManager, dryRun,
// fieldValidation, gracePeriodSeconds, propagationPolicy. A name that the API could not know (empty where one object is
// meant, ".", "..", with a slash or a percent sign) makes the request `wrong`: nothing empties a collection by
// accident.
Request get(const Resource& resource, const ObjectName& object);
Request create(const Resource& resource, const ObjectName& object, const json::Value& body);
Request replace(const Resource& resource, const ObjectName& object, const json::Value& body);
Request patch(const Resource& resource, const ObjectName& object, const char* type, const json::Value& body);
// Server-side apply as `manager`; takes fields that others own when `force`, else those are a kConflict.
Request apply(const Resource& resource, const ObjectName& object, const json::Value& body, const std::string& manager,
              bool force);
// `uid` "" is whichever object has the name; else only that very one, and with a `version` only as it was then (409
// otherwise).
Request remove(const Resource& resource, const ObjectName& object, const std::string& uid = {},
               const std::string& version = {});
// Honours disruption budgets: a refusal by one is kBudget. policy/v1, on servers that lack it policy/v1beta1.
Request evict(const ObjectName& pod, const std::string& version = "v1");

struct Cause {
  std::string field, reason, message;
};

// Why a request has failed. Kinds are what a caller acts on, not every reason there is.
struct ApiFailure {
  enum class Kind {
    kUnreachable,    // no connection, or TLS: nothing was done; for what only reads also one that broke
    kTimeout,        // no answer: it may have been done
    kUnauthorized,   // 401, or a plugin that gives no credential (`code` 0): who we are is not known
    kForbidden,      // 403
    kNotFound,       // 404: the object, or where `no_such_resource` the API itself
    kAlreadyExists,  // 409 AlreadyExists
    kConflict,       // 409: a stale resourceVersion or uid
    kExpired,        // 410, or an ERROR event with that code: list again
    kTooEarly,       // 504 ResourceVersionTooLarge: the server has not come that far; again after `retry_after`
    kBudget,         // 429 by a PodDisruptionBudget
    kThrottled,      // 429 by the server
    kInvalid,        // 400, 405, 406, 415, 422: the request is wrong; `causes` name its fields
    kServer,         // 5xx
    kBadAnswer       // what came is no answer of an API server
  };
  Kind kind = Kind::kBadAnswer;
  int code = 0;  // HTTP
  std::string reason;
  std::string message;  // at most some thousand bytes, valid UTF-8, perhaps of several lines
  std::vector<Cause> causes;
  std::optional<Nanos> retry_after;  // at most an hour
  bool no_such_resource = false;

  // "GET /api/v1/…: pods is forbidden: …", with what to do next where that is known.
  Error error(const std::string& what) const;
  // The same again may succeed: connection, time-out, throttled, too early, server; and a pod that is refused since the
  // service account of its new namespace is not there yet.
  bool passes() const;
};
const char* to_text(ApiFailure::Kind kind);

// Of an answer that is not 2xx: a Status, or text of whatever kind. `retry_after` is the header's text.
ApiFailure failure_of(int code, std::string_view content_type, std::string_view body, std::string_view retry_after);
// Of the object of an ERROR event of a watch.
ApiFailure failure_of(const json::Value& status);

template <typename T>
using Answer = tl::expected<T, ApiFailure>;

}  // namespace ordeal::kube
