// What a refusal says: ApiFailure of an answer, of a watch's ERROR event, and in words.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <boost/json/parse.hpp>

#include "core/base/text/text.h"
#include "platform/kube/api.h"
#include "platform/kube/fields.h"

namespace ordeal::kube {
namespace {

using Kind = ApiFailure::Kind;

constexpr size_t kMostMessage = 4096;
constexpr int kMostSeconds = 3600;
constexpr size_t kMostCauses = 100;

std::string cut(std::string_view text) {
  text = trim(text);
  if (text.size() <= kMostMessage) return valid_text(text);
  return valid_text(text.substr(0, kMostMessage)) + "…";
}

std::string words_at(const json::Value& object, std::string_view key) { return cut(text_at(object, key)); }

int small_at(const json::Value& object, std::string_view path) {
  return static_cast<int>(std::clamp<int64_t>(number_at(object, path), 0, kMostSeconds));
}

bool caused_by(const ApiFailure& failure, std::string_view reason) {
  return std::any_of(failure.causes.begin(), failure.causes.end(), [&](const Cause& c) { return c.reason == reason; });
}

constexpr std::array<std::pair<int, Kind>, 15> kCodes{{
    {400, Kind::kInvalid},
    {401, Kind::kUnauthorized},
    {403, Kind::kForbidden},
    {404, Kind::kNotFound},
    {405, Kind::kInvalid},
    {406, Kind::kInvalid},
    {408, Kind::kTimeout},
    {409, Kind::kConflict},
    {410, Kind::kExpired},
    {411, Kind::kInvalid},
    {413, Kind::kInvalid},
    {415, Kind::kInvalid},
    {422, Kind::kInvalid},
    {429, Kind::kThrottled},
    {504, Kind::kTimeout},
}};

Kind kind_of(const ApiFailure& failure) {
  if (failure.code == 409 && failure.reason == "AlreadyExists") return Kind::kAlreadyExists;
  if (failure.code == 429 && caused_by(failure, "DisruptionBudget")) return Kind::kBudget;
  if (failure.code == 504 && caused_by(failure, "ResourceVersionTooLarge")) return Kind::kTooEarly;
  for (const auto& [code, kind] : kCodes)
    if (code == failure.code) return kind;
  return failure.code >= 500 && failure.code < 600 ? Kind::kServer : Kind::kBadAnswer;
}

void read_causes(const json::Value& status, ApiFailure& failure) {
  const json::Value* causes = field_at(status, "details.causes");
  if (!causes || !causes->is_array()) return;
  for (const json::Value& cause : causes->get_array()) {
    if (failure.causes.size() >= kMostCauses) return;
    if (!cause.is_object()) continue;
    failure.causes.push_back({words_at(cause, "field"), words_at(cause, "reason"), words_at(cause, "message")});
  }
}

// False where it is no Status.
bool read_status(const json::Value& status, ApiFailure& failure) {
  if (text_at(status, "kind") != "Status") return false;
  failure.reason = words_at(status, "reason");
  failure.message = words_at(status, "message");
  if (failure.code == 0) failure.code = small_at(status, "code");
  if (int after = small_at(status, "details.retryAfterSeconds"); after > 0) failure.retry_after = seconds(after);
  read_causes(status, failure);
  return true;
}

// Without a Status: text, a proxy's page, nothing at all.
void read_text(std::string_view content_type, std::string_view body, ApiFailure& failure) {
  failure.no_such_resource = failure.code == 404;
  bool text = content_type.starts_with("text/plain") || content_type.starts_with("application/json");
  if (failure.no_such_resource) {
    failure.message = "the server does not know this resource";
  } else if (text && !trim(body).empty()) {
    failure.message = cut(body);
  } else {
    failure.message = fmt::format("answered {}{}", failure.code,
                                  content_type.empty() ? "" : fmt::format(" with {}", cut(content_type)));
  }
}

struct Words {
  const char* name;
  Errc code;
  bool passes;
  const char* hint;
};
// In the order of the kinds.
constexpr std::array<Words, 14> kWords{{
    {"unreachable", Errc::kSystem, true, "see whether the API server runs and can be reached from here"},
    {"timeout", Errc::kTimeout, true, ""},
    {"unauthorized", Errc::kRefused, false, "the credentials are wrong or have expired: log in to the cluster again"},
    {"forbidden", Errc::kRefused, false, "`kubectl auth can-i` shows what this account may do"},
    {"not found", Errc::kNotFound, false, ""},
    {"already exists", Errc::kSystem, false, ""},
    {"conflict", Errc::kSystem, false, "somebody else has changed it meanwhile: read it again"},
    {"expired", Errc::kSystem, false, ""},
    {"too early", Errc::kTimeout, true, ""},
    {"disruption budget", Errc::kRefused, false, "wait until more of the pods are healthy"},
    {"throttled", Errc::kSystem, true, ""},
    {"invalid", Errc::kInvalidInput, false, ""},
    {"server error", Errc::kSystem, true, ""},
    {"bad answer", Errc::kSystem, false, "see whether the address is that of a Kubernetes API server"},
}};

const Words& words_of(Kind kind) { return kWords[static_cast<size_t>(kind)]; }

}  // namespace

const char* to_text(ApiFailure::Kind kind) { return words_of(kind).name; }

bool ApiFailure::passes() const {
  // A namespace's account comes a moment after the namespace.
  bool no_account_yet =
      kind == Kind::kForbidden && message.find("error looking up service account") != std::string::npos;
  return words_of(kind).passes || no_account_yet;
}

Error ApiFailure::error(const std::string& what) const {
  Error error;
  error.code = words_of(kind).code;
  error.what = fmt::format("{}: {}", what, message.empty() ? to_text(kind) : message);
  // A budget's own sentence stands in its cause, and so do the fields of what is wrong in a list of rules.
  for (const Cause& cause : causes)
    if (!cause.message.empty() && message.find(cause.message) == std::string::npos)
      error.what += fmt::format("; {}{}", cause.field.empty() ? "" : cause.field + ": ", cause.message);
  error.hint =
      no_such_resource ? "see whether its definition is installed: `kubectl api-resources`" : words_of(kind).hint;
  return error;
}

ApiFailure failure_of(int code, std::string_view content_type, std::string_view body, std::string_view retry_after) {
  ApiFailure failure;
  failure.code = code;
  boost::system::error_code bad;
  json::Value value = boost::json::parse(body, bad);
  if (bad || !read_status(value, failure)) read_text(content_type, body, failure);
  if (auto after = parse_number<int>(trim(retry_after)))
    failure.retry_after = seconds(std::clamp(*after, 0, kMostSeconds));
  failure.kind = kind_of(failure);
  return failure;
}

ApiFailure failure_of(const json::Value& status) {
  ApiFailure failure;
  if (!read_status(status, failure)) failure.message = "an error that is no Status";
  failure.kind = kind_of(failure);
  return failure;
}

}  // namespace ordeal::kube
