#include "app/agent/injection_writer.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "core/model/cluster/names.h"

namespace ordeal::agent {
namespace {

constexpr Nanos kFirstPause = 100ms;
constexpr Nanos kLongestPause = 5s;
constexpr size_t kShortText = 500;

using Kind = kube::ApiFailure::Kind;

json::Object test(const char* path, json::Value value) {
  return {{"op", "test"}, {"path", path}, {"value", std::move(value)}};
}

std::optional<size_t> place_of_ours(const json::Value& injection) {
  const json::Value* metadata = injection.is_object() ? injection.get_object().if_contains("metadata") : nullptr;
  const json::Value* list =
      metadata && metadata->is_object() ? metadata->get_object().if_contains("finalizers") : nullptr;
  if (!list || !list->is_array()) return std::nullopt;
  for (size_t i = 0; i < list->get_array().size(); ++i) {
    const json::Value& one = list->get_array()[i];
    if (one.is_string() && one.get_string() == cluster::kFinalizer) return i;
  }
  return std::nullopt;
}

std::string uid_of(const json::Value& injection) {
  const json::Value* metadata = injection.is_object() ? injection.get_object().if_contains("metadata") : nullptr;
  const json::Value* uid = metadata && metadata->is_object() ? metadata->get_object().if_contains("uid") : nullptr;
  return uid && uid->is_string() ? std::string(uid->get_string()) : "";
}

// A 404 without a Status comes from something else on the way, or of a resource that is being installed.
bool is_gone(const kube::ApiFailure& failure) { return failure.kind == Kind::kNotFound && !failure.no_such_resource; }

bool is_gone(const kube::Answer<json::Value>& answer, const std::string& uid) {
  if (!answer) return is_gone(answer.error());
  std::string found = uid_of(*answer);
  return !found.empty() && found != uid;
}

json::Object shortened(const json::Object& whole, std::initializer_list<const char*> keys) {
  json::Object kept;
  for (const char* key : keys) {
    const json::Value* value = whole.if_contains(key);
    if (!value) continue;
    kept[key] = value->is_string()
                    ? json::Value(valid_text(std::string_view(value->get_string()).substr(0, kShortText)))
                    : *value;
  }
  return kept;
}

// What must be known of the end, and nothing that could be too much.
json::Value shortened(const json::Value& status) {
  json::Object kept = shortened(status.as_object(), {"state", "agent", "haltedBy", "why"});
  json::Array impacts;
  if (const json::Value* whole = status.as_object().if_contains("impacts"))
    for (const json::Value& impact : whole->as_array())
      impacts.push_back(shortened(impact.as_object(), {"id", "state", "clean", "error"}));
  kept["impacts"] = std::move(impacts);
  return kept;
}

bool is_last(const json::Value& status) {
  const json::Value* state = status.as_object().if_contains("state");
  return state && state->is_string() && state->get_string() == "reverted";
}

}  // namespace

InjectionWriter::InjectionWriter(kube::Client& client, kube::ObjectName name, std::string uid, Listener listener)
    : client_(client), name_(std::move(name)), uid_(std::move(uid)), listener_(std::move(listener)) {}

InjectionWriter::~InjectionWriter() {
  if (under_way_) client_.cancel(*under_way_);
}

void InjectionWriter::write(const cluster::InjectionStatus& status, Nanos within) {
  status_ = to_json(status);
  wait_at_most(within);
}

void InjectionWriter::release(Nanos within) {
  releasing_ = true;
  wait_at_most(within);
}

void InjectionWriter::hurry() { not_before_ = BootTime(); }

void InjectionWriter::wait_at_most(Nanos time) {
  not_before_ = boot_now() + from_seconds(to_seconds(time) * random_.uniform());
}

BootTime InjectionWriter::next_wake() const {
  bool waits = status_ || (releasing_ && !released_);
  return waits && !under_way_ ? due() : BootTime::max();
}

void InjectionWriter::dispatch() {
  if (under_way_ || boot_now() < due()) return;
  if (gone_) {
    if (std::exchange(status_, std::nullopt)) listener_.written();
    if (releasing_ && !std::exchange(released_, true)) listener_.released();
  } else if (doubt_) {
    look_whether_gone();
  } else if (status_) {
    send_status();
  } else if (releasing_ && !released_) {
    send_release();
  }
}

void InjectionWriter::send(kube::Request request, void (InjectionWriter::*then)(const kube::Answer<json::Value>&)) {
  under_way_ = client_.send(std::move(request), [this, then](kube::Answer<json::Value> answer) {
    under_way_.reset();
    if (answer) pause_ = Nanos(0);
    (this->*then)(answer);
  });
}

void InjectionWriter::send_status() {
  json::Object metadata{{"uid", uid_}};
  json::Object body{{"metadata", std::move(metadata)}, {"status", std::move(*status_)}};
  status_.reset();
  kube::ObjectName place = name_;
  place.subresource = "status";
  json::Value sent = body.at("status");
  under_way_ = client_.send(kube::patch(kube::kInjections, place, kube::kMergePatch, std::move(body)),
                            [this, sent = std::move(sent)](kube::Answer<json::Value> answer) mutable {
                              under_way_.reset();
                              status_answered(answer, std::move(sent));
                            });
}

void InjectionWriter::status_answered(const kube::Answer<json::Value>& answer, json::Value sent) {
  if (!answer && !is_gone(answer.error())) {
    const kube::ApiFailure& failure = answer.error();
    if (failure.kind == Kind::kInvalid) return refused(failure, sent);
    if (!status_) status_ = std::move(sent);
    if (failure.kind == Kind::kConflict || failure.kind == Kind::kNotFound) doubt_ = failure;
    return later(failure);
  }
  if (answer) pause_ = Nanos(0);
  gone_ = !answer;
  if (!status_) listener_.written();
}

void InjectionWriter::refused(const kube::ApiFailure& failure, const json::Value& sent) {
  tell(failure, "cannot write the status of the Injection " + name_.name);
  if (!status_ && is_last(sent) && !std::exchange(shortened_, true)) {
    status_ = shortened(sent);
  } else if (!status_) {
    listener_.written();
  }
}

void InjectionWriter::look_whether_gone() { send(kube::get(kube::kInjections, name_), &InjectionWriter::seen); }

void InjectionWriter::seen(const kube::Answer<json::Value>& answer) {
  kube::ApiFailure failure = *std::exchange(doubt_, std::nullopt);
  gone_ = is_gone(answer, uid_);
  if (!answer && !gone_) doubt_ = failure = answer.error();
  if (!gone_) later(failure);
}

// With our finaliser alone, as the controller makes it, one request does.
void InjectionWriter::send_release() {
  if (others_) return look_for_finalizer();
  json::Array patch;
  patch.push_back(test("/metadata/uid", json::Value(uid_)));
  patch.push_back(test("/metadata/finalizers", json::Array{cluster::kFinalizer}));
  patch.push_back(json::Object{{"op", "remove"}, {"path", "/metadata/finalizers"}});
  send_removal(std::move(patch));
}

void InjectionWriter::send_removal(json::Array patch) {
  send(kube::patch(kube::kInjections, name_, kube::kJsonPatch, std::move(patch)), &InjectionWriter::release_answered);
}

void InjectionWriter::look_for_finalizer() {
  send(kube::get(kube::kInjections, name_), &InjectionWriter::finalizers_seen);
}

void InjectionWriter::finalizers_seen(const kube::Answer<json::Value>& answer) {
  gone_ = is_gone(answer, uid_);
  if (gone_) return;
  if (!answer) return later(answer.error());
  if (uid_of(*answer).empty()) return later({});
  auto place = place_of_ours(*answer);
  if (!place) {
    gone_ = true;
    return;
  }
  std::string path = fmt::format("/metadata/finalizers/{}", *place);
  json::Array patch;
  patch.push_back(test("/metadata/uid", json::Value(uid_)));
  patch.push_back(test(path.c_str(), json::Value(cluster::kFinalizer)));
  patch.push_back(json::Object{{"op", "remove"}, {"path", path}});
  send_removal(std::move(patch));
}

void InjectionWriter::release_answered(const kube::Answer<json::Value>& answer) {
  if (answer || is_gone(answer.error())) {
    gone_ = true;
    return;
  }
  // A test has failed: something else stands there than was thought.
  others_ = others_ || answer.error().kind == Kind::kInvalid || answer.error().kind == Kind::kConflict;
  later(answer.error());
}

void InjectionWriter::later(const kube::ApiFailure& failure) {
  pause_ = std::min(kLongestPause, std::max(kFirstPause, pause_ * 2));
  Nanos pause = std::max(pause_, failure.retry_after.value_or(Nanos(0)));
  again_at_ = boot_now() + pause / 2 + from_seconds(to_seconds(pause) / 2 * random_.uniform());
  tell(failure, "cannot write to the Injection " + name_.name + ", and tries again");
}

void InjectionWriter::tell(const kube::ApiFailure& failure, const std::string& what) {
  std::string kind = fmt::format("{} {}", kube::to_text(failure.kind), failure.reason);
  if (std::exchange(told_, kind) != kind) listener_.trouble(failure.error(what).message());
}

}  // namespace ordeal::agent
