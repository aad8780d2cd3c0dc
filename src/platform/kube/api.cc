#include "platform/kube/api.h"

#include <fmt/core.h>

#include "core/base/text/text.h"
#include "platform/net/http.h"

namespace ordeal::kube {
namespace {

// As one part of a path. Dots alone would be taken for a way up or for nothing.
std::string segment(const std::string& name) {
  if (name == ".") return "%2E";
  if (name == "..") return "%2E%2E";
  return net::percent_encode(name);
}

// The API's own rule for a name in a path.
std::string why_no_name(const std::string& name) {
  if (name == "." || name == ".." || name.find_first_of("/%") != std::string::npos)
    return fmt::format("\"{}\" is no name of an object", name);
  return "";
}

Request request_for(const char* method, const Resource& resource, const ObjectName& object, bool one) {
  Request request;
  request.method = method;
  request.path = path_of(resource, object);
  for (const std::string* name : {&object.namespace_, &object.name})
    if (std::string why = why_no_name(*name); !why.empty()) request.wrong = why;
  if (one && object.name.empty()) request.wrong = fmt::format("{} without a name", to_text(resource));
  return request;
}

Request with_body(Request request, const json::Value& body) {
  request.body = json::write(body);
  return request;
}

}  // namespace

Result<ObjectName> parse_object_name(std::string_view text) {
  auto parts = split(text, '/');
  if (parts.size() == 2 && !parts[0].empty() && !parts[1].empty())
    return ObjectName{std::string(parts[0]), std::string(parts[1])};
  return fail(Errc::kInvalidInput, fmt::format("expected NAMESPACE/NAME, found \"{}\"", text));
}

std::string to_text(const Resource& resource) {
  return resource.group.empty() ? std::string(resource.plural) : fmt::format("{}.{}", resource.plural, resource.group);
}

std::string path_of(const Resource& resource, const ObjectName& object) {
  std::string path = resource.group.empty() ? fmt::format("/api/{}", resource.version)
                                            : fmt::format("/apis/{}/{}", resource.group, resource.version);
  if (resource.namespaced && !object.namespace_.empty()) path += "/namespaces/" + segment(object.namespace_);
  path += fmt::format("/{}", resource.plural);
  if (!object.name.empty()) path += "/" + segment(object.name);
  if (!object.subresource.empty()) path += "/" + segment(object.subresource);
  return path;
}

Request get(const Resource& resource, const ObjectName& object) { return request_for("GET", resource, object, false); }

Request create(const Resource& resource, const ObjectName& object, const json::Value& body) {
  // A subresource is of one object; an object is made in its collection, and its name is in the body.
  bool one = !object.subresource.empty();
  ObjectName place = object;
  if (!one) place.name.clear();
  return with_body(request_for("POST", resource, place, one), body);
}

Request replace(const Resource& resource, const ObjectName& object, const json::Value& body) {
  return with_body(request_for("PUT", resource, object, true), body);
}

Request patch(const Resource& resource, const ObjectName& object, const char* type, const json::Value& body) {
  Request request = with_body(request_for("PATCH", resource, object, true), body);
  request.type = type;
  return request;
}

Request apply(const Resource& resource, const ObjectName& object, const json::Value& body, const std::string& manager,
              bool force) {
  Request request = patch(resource, object, kApplyPatch, body);
  request.query.emplace_back("fieldManager", manager);
  if (force) request.query.emplace_back("force", "true");
  return request;
}

Request remove(const Resource& resource, const ObjectName& object, const std::string& uid, const std::string& version) {
  Request request = request_for("DELETE", resource, object, true);
  if (uid.empty()) return request;
  json::Object preconditions{{"uid", uid}};
  if (!version.empty()) preconditions["resourceVersion"] = version;
  return with_body(
      std::move(request),
      json::Object{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", std::move(preconditions)}});
}

Request evict(const ObjectName& pod, const std::string& version) {
  json::Value body{{"apiVersion", "policy/" + version},
                   {"kind", "Eviction"},
                   {"metadata", {{"name", pod.name}, {"namespace", pod.namespace_}}}};
  return create(kPods, {pod.namespace_, pod.name, "eviction"}, body);
}

}  // namespace ordeal::kube
