// SimulatedApi: an API server in memory, as far as controller and agents use one: resource versions, JSON patches with
// tests, finalisers, garbage collection of what an owner leaves. It answers at once; who delays, loses and cuts is
// UnreliableSend.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/base/text/text.h"
#include "platform/kube/client.h"

namespace ordeal {

class SimulatedApi {
 public:
  enum class Change { kPut, kGone };
  using Listener = std::function<void(Change, const std::string& plural, const json::Value& object)>;
  using Answer = kube::Answer<json::Value>;
  using Kind = kube::ApiFailure::Kind;

  void listen(Listener listener) { listeners_.push_back(std::move(listener)); }

  Answer handle(const kube::Request& request) {
    Place place = place_of(request.path);
    if (request.method == "GET") return place.name.empty() ? list(place, request) : find(place);
    if (request.method == "POST") return create(place, parsed(request.body));
    if (request.method == "DELETE") return remove(place);
    return patch(place, request);
  }

  const json::Value* look(const std::string& path) const {
    auto found = objects_.find(path);
    return found == objects_.end() ? nullptr : &found->second;
  }
  std::vector<json::Value> all(const std::string& plural) const {
    std::vector<json::Value> all;
    for (const auto& [path, object] : objects_)
      if (path.find("/" + plural + "/") != std::string::npos) all.push_back(object);
    return all;
  }
  int writes() const { return writes_; }

 private:
  struct Place {
    std::string collection, plural, name, subresource;
    std::string path() const { return collection + "/" + name; }
  };

  static json::Value parsed(const std::string& body) {
    return body.empty() ? json::Value() : json::parse(body).value();
  }

  // /api/v1/namespaces/NS/PLURAL/NAME/SUB or /apis/GROUP/VERSION/[namespaces/NS/]PLURAL/NAME/SUB
  static Place place_of(const std::string& path) {
    auto parts = split_words(path, "/");
    size_t at = parts[0] == "api" ? 2 : 3;
    if (at < parts.size() && parts[at] == "namespaces" && at + 2 < parts.size()) at += 2;
    Place place;
    for (size_t i = 0; i <= at; ++i) place.collection += "/" + std::string(parts[i]);
    place.plural = parts[at];
    if (at + 1 < parts.size()) place.name = parts[at + 1];
    if (at + 2 < parts.size()) place.subresource = parts[at + 2];
    return place;
  }

  static tl::unexpected<kube::ApiFailure> failed(Kind kind, int code, std::string message) {
    kube::ApiFailure failure;
    failure.kind = kind;
    failure.code = code;
    failure.message = std::move(message);
    return tl::unexpected(std::move(failure));
  }

  Answer find(const Place& place) const {
    const json::Value* object = look(place.path());
    if (!object) return failed(Kind::kNotFound, 404, place.path() + " not found");
    return *object;
  }

  Answer list(const Place& place, const kube::Request& request) const {
    json::Array items;
    for (const auto& [path, object] : objects_)
      if (path.starts_with(place.collection + "/") && selected(object, request)) items.push_back(object);
    return json::Object{{"items", std::move(items)}};
  }

  static bool selected(const json::Value& object, const kube::Request& request) {
    for (const auto& [key, value] : request.query) {
      if (key != "labelSelector") continue;
      for (std::string_view one : split_words(value, ",")) {
        std::string label(one.substr(0, one.find('='))), wanted(one.substr(one.find('=') + 1));
        const auto& metadata = object.at("metadata").as_object();
        const json::Value* labels = metadata.if_contains("labels");
        const json::Value* has = labels ? labels->as_object().if_contains(label) : nullptr;
        if (!has || *has != json::Value(wanted)) return false;
      }
    }
    return true;
  }

  Answer create(const Place& place, json::Value body) {
    if (place.plural == "events") return body;
    Place own = place;
    own.name = std::string(body.at("metadata").at("name").as_string());
    if (look(own.path())) return failed(Kind::kAlreadyExists, 409, own.path() + " already exists");
    if (!owner_is_there(body)) body_orphans_.push_back(own.path());
    body.as_object()["metadata"].as_object()["uid"] = fmt::format("uid-{}", ++uids_);
    json::Value made = put(own, std::move(body));
    collect_orphans();
    return made;
  }

  json::Value put(const Place& place, json::Value object) {
    ++writes_;
    auto& metadata = object.as_object()["metadata"].as_object();
    metadata["resourceVersion"] = fmt::format("{}", ++version_);
    if (!metadata.contains("generation")) metadata["generation"] = 1;
    objects_[place.path()] = object;
    tell(Change::kPut, place.plural, object);
    return object;
  }

  void tell(Change change, const std::string& plural, const json::Value& object) {
    for (const Listener& listener : listeners_) listener(change, plural, object);
  }

  Answer remove(const Place& place) {
    const json::Value* object = look(place.path());
    if (!object) return failed(Kind::kNotFound, 404, place.path() + " not found");
    json::Value gone = *object;
    if (has_finalizers(gone)) {
      gone.as_object()["metadata"].as_object()["deletionTimestamp"] = "2026-01-01T00:00:00Z";
      return put(place, std::move(gone));
    }
    objects_.erase(place.path());
    ++writes_;
    tell(Change::kGone, place.plural, gone);
    for (const std::string& path : owned_by(std::string(gone.at("metadata").at("uid").as_string())))
      (void)remove(place_of(path));
    return gone;
  }

  static bool has_finalizers(const json::Value& object) {
    const json::Value* finalizers = object.at("metadata").as_object().if_contains("finalizers");
    return finalizers && finalizers->is_array() && !finalizers->as_array().empty();
  }

  static const json::Value* owner_of(const json::Value& object) {
    const json::Value* owners = object.at("metadata").as_object().if_contains("ownerReferences");
    return owners && !owners->as_array().empty() ? &owners->as_array()[0].at("uid") : nullptr;
  }

  std::vector<std::string> owned_by(const std::string& uid) const {
    std::vector<std::string> paths;
    for (const auto& [path, object] : objects_) {
      const json::Value* owner = owner_of(object);
      if (owner && *owner == json::Value(uid)) paths.push_back(path);
    }
    return paths;
  }

  bool owner_is_there(const json::Value& object) const {
    const json::Value* owner = owner_of(object);
    if (!owner) return true;
    for (const auto& [path, other] : objects_)
      if (other.at("metadata").at("uid") == *owner) return true;
    return false;
  }

  // What belongs to nobody that is there is collected.
  void collect_orphans() {
    for (const std::string& path : std::exchange(body_orphans_, {})) (void)remove(place_of(path));
  }

  static void merge(json::Value& into, const json::Value& patch) {
    if (!patch.is_object()) {
      into = patch;
      return;
    }
    if (!into.is_object()) into = json::Object();
    for (const auto& [key, value] : patch.get_object()) {
      if (value.is_null())
        into.as_object().erase(key);
      else
        merge(into.as_object()[key], value);
    }
  }

  Answer patch(const Place& place, const kube::Request& request) {
    json::Value body = parsed(request.body);
    const json::Value* present = look(place.path());
    if (!present && request.type == kube::kApplyPatch) return create(place, std::move(body));
    if (!present) return failed(Kind::kNotFound, 404, place.path() + " not found");
    json::Value object = *present;
    if (request.type == kube::kJsonPatch) {
      if (auto done = apply(object, body); !done) return tl::unexpected(done.error());
    } else {
      const json::Value* metadata = body.as_object().if_contains("metadata");
      const json::Value* version = metadata ? metadata->as_object().if_contains("resourceVersion") : nullptr;
      if (version && *version != object.at("metadata").at("resourceVersion"))
        return failed(Kind::kConflict, 409, "the object has been modified");
      merge(object, body);
    }
    bool ends = object.at("metadata").as_object().contains("deletionTimestamp") && !has_finalizers(object);
    json::Value done = put(place, object);
    if (ends) (void)remove(place);
    return done;
  }

  static const json::Value* at_path(const json::Value& object, std::string_view path) {
    const json::Value* found = &object;
    for (std::string_view key : split_words(path, "/")) {
      found = found && found->is_object() ? found->get_object().if_contains(key) : nullptr;
      if (!found) return nullptr;
    }
    return found;
  }

  static tl::expected<void, kube::ApiFailure> apply(json::Value& object, const json::Value& operations) {
    for (const json::Value& operation : operations.as_array()) {
      std::string op(operation.at("op").as_string()), path(operation.at("path").as_string());
      const json::Value* present = at_path(object, path);
      if (op == "test" && (!present || *present != operation.at("value")))
        return failed(Kind::kInvalid, 422, "the test of " + path + " failed");
      if (op == "replace") object.as_object()[path.substr(1)] = operation.at("value");
    }
    return {};
  }

  std::map<std::string, json::Value> objects_;
  std::vector<Listener> listeners_;
  std::vector<std::string> body_orphans_;
  int64_t version_ = 0, uids_ = 0;
  int writes_ = 0;
};

}  // namespace ordeal
