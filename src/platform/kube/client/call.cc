#include "platform/kube/client/call.h"

#include <fmt/core.h>
#include <strings.h>

#include <array>
#include <boost/json/parse.hpp>

#include "core/base/text/text.h"
#include "platform/kube/fields.h"

namespace ordeal::kube {
namespace {

using Why = net::HttpFailure::Cause;
using Kind = ApiFailure::Kind;

constexpr size_t kMostBody = size_t{64} << 20;
constexpr size_t kDepth = 200;
constexpr Nanos kListTimeout = 60s;  // of a page
constexpr Nanos kOpenTimeout = 30s;  // until a watch is taken

std::string url_of(const Access& access, const Request& request) {
  std::string url = access.server + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += fmt::format("{}{}={}", separator, name, net::percent_encode(value));
    separator = '&';
  }
  return url;
}

void add_identity(const Access& access, const Credential& credential, net::HttpCall& call) {
  const std::string& token = access.token.empty() ? credential.token : access.token;
  call.token_file = access.token_file;
  if (!token.empty() && access.token_file.empty()) call.headers.emplace_back("Authorization", "Bearer " + token);
  call.login = access.login;
  if (!access.impersonate.empty()) call.headers.emplace_back("Impersonate-User", access.impersonate);
  call.headers.insert(call.headers.end(), access.impersonation.begin(), access.impersonation.end());
}

net::ClientTls tls_of(const Access& access, const Credential& credential) {
  net::ClientTls tls = access.tls;
  if (credential.certificate.empty()) return tls;
  tls.certificate = credential.certificate;
  tls.key = credential.key;
  return tls;
}

void add_selectors(Query& query, const std::string& labels, std::string fields, const std::string& name) {
  if (!name.empty()) fields += (fields.empty() ? "" : ",") + ("metadata.name=" + name);
  if (!labels.empty()) query.emplace_back("labelSelector", labels);
  if (!fields.empty()) query.emplace_back("fieldSelector", fields);
}

Request collection_request(const Resource& resource, const ObjectName& object) {
  Request request = get(resource, object);  // refuses what is no name
  request.path = path_of(resource, {object.namespace_, ""});
  if (object.name.find_first_of(",=\\") != std::string::npos) request.wrong = "a name that would be more of a selector";
  return request;
}

ApiFailure bad_answer(std::string message, int code = 200) {
  ApiFailure failure;
  failure.code = code;
  failure.message = std::move(message);
  return failure;
}

}  // namespace

net::HttpCall call_of(const Access& access, const Credential& credential, const Request& request) {
  net::HttpCall call;
  call.method = request.method;
  call.url = url_of(access, request);
  call.body = request.body;
  call.timeout = request.timeout;
  call.max_body = kMostBody;
  call.headers = {{"Accept", "application/json"}};
  if (!request.body.empty()) call.headers.emplace_back("Content-Type", request.type);
  add_identity(access, credential, call);
  call.tls = tls_of(access, credential);
  call.tls_name = access.server_name;
  call.insecure = access.insecure;
  call.compressed = true;
  return call;
}

ApiFailure failure_of(const net::HttpFailure& failure, bool reads) {
  static constexpr std::array<std::pair<Why, Kind>, 9> kKinds{{{Why::kTimeout, Kind::kTimeout},
                                                               {Why::kRefused, Kind::kUnreachable},
                                                               {Why::kUnreachable, Kind::kUnreachable},
                                                               {Why::kDns, Kind::kUnreachable},
                                                               {Why::kTls, Kind::kUnreachable},
                                                               {Why::kTooLarge, Kind::kBadAnswer},
                                                               {Why::kBadUrl, Kind::kInvalid},
                                                               {Why::kBroken, Kind::kTimeout},
                                                               {Why::kOwnLack, Kind::kUnreachable}}};
  ApiFailure told;
  for (const auto& [cause, kind] : kKinds)
    if (cause == failure.kind) told.kind = kind;
  if (reads && failure.kind == Why::kBroken) told.kind = Kind::kUnreachable;
  told.message = failure.error.message();
  return told;
}

ApiFailure failure_of(int status, const net::Headers& headers, std::string_view body) {
  const std::string* type = net::find_header(headers, "Content-Type");
  const std::string* after = net::find_header(headers, "Retry-After");
  return failure_of(status, type ? *type : "", body, after ? *after : "");
}

std::optional<json::Value> parse_answer(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = kDepth;
  boost::system::error_code bad;
  json::Value value = boost::json::parse(text, bad, {}, options);
  if (bad) return std::nullopt;
  return value;
}

Answer<json::Value> answer_of(const net::HttpReply& reply) {
  if (reply.status < 200 || reply.status > 299)
    return tl::unexpected(failure_of(reply.status, reply.headers, reply.body));
  if (reply.body.empty()) return json::Value();
  auto value = parse_answer(reply.body);
  if (!value) return tl::unexpected(bad_answer("the answer is no JSON", reply.status));
  return std::move(*value);
}

std::vector<std::string> warnings_of(const net::Headers& headers) {
  std::vector<std::string> warnings;
  for (const auto& [name, value] : headers) {
    // 299 AGENT "TEXT"
    if (strcasecmp(name.c_str(), "Warning") != 0 || !value.starts_with("299 ")) continue;
    size_t open = value.find('"');
    size_t close = value.rfind('"');
    if (open == std::string::npos || close <= open) continue;
    std::string text;
    for (size_t i = open + 1; i < close; ++i) {
      if (value[i] == '\\' && i + 1 < close) ++i;
      text += value[i];
    }
    warnings.push_back(valid_text(text));
  }
  return warnings;
}

Request list_request(const Client::List& list, const std::string& go_on) {
  Request request = collection_request(list.resource, list.object);
  add_selectors(request.query, list.label_selector, list.field_selector, list.object.name);
  request.query.emplace_back("limit", std::to_string(list.page_size));
  // A token stands for the version too; the server refuses both together.
  if (!go_on.empty()) {
    request.query.emplace_back("continue", go_on);
  } else if (!list.version.empty()) {
    request.query.emplace_back("resourceVersion", list.version);
  }
  request.timeout = kListTimeout;
  return request;
}

Answer<Page> page_of(json::Value&& list) {
  const json::Value* items = field_at(list, "items");
  Page page;
  page.version = text_at(list, "metadata.resourceVersion");
  page.go_on = text_at(list, "metadata.continue");
  if (!items || !(items->is_array() || items->is_null()) || page.version.empty())
    return tl::unexpected(bad_answer("the answer is no list"));
  if (items->is_array()) page.items = std::move(list.get_object()["items"].get_array());
  return page;
}

Request watch_request(const WatchStart& start) {
  Request request = collection_request(start.resource, start.object);
  add_selectors(request.query, start.label_selector, start.field_selector, start.object.name);
  int64_t seconds = std::max<int64_t>(1, start.server_timeout / 1s);
  request.query.insert(
      request.query.end(),
      {{"watch", "true"}, {"allowWatchBookmarks", "true"}, {"timeoutSeconds", std::to_string(seconds)}});
  if (!start.version.empty()) request.query.emplace_back("resourceVersion", start.version);
  request.timeout = kOpenTimeout;
  return request;
}

Answer<WatchEvent> event_of(std::string_view line) {
  static constexpr std::array<std::pair<std::string_view, WatchEvent::Kind>, 4> kKinds{
      {{"ADDED", WatchEvent::Kind::kAdded},
       {"MODIFIED", WatchEvent::Kind::kModified},
       {"DELETED", WatchEvent::Kind::kDeleted},
       {"BOOKMARK", WatchEvent::Kind::kBookmark}}};
  auto value = parse_answer(line);
  json::Object* event = value ? value->if_object() : nullptr;
  json::Value* type = event ? event->if_contains("type") : nullptr;
  json::Value* object = event ? event->if_contains("object") : nullptr;
  if (!type || !type->is_string() || !object || !object->is_object())
    return tl::unexpected(bad_answer("a line of a watch is no event"));
  if (type->get_string() == "ERROR") return tl::unexpected(failure_of(*object));
  for (const auto& [name, kind] : kKinds)
    if (type->get_string() == name) return WatchEvent{kind, std::move(*object)};
  return tl::unexpected(bad_answer("a watch's event has a type that is not known"));
}

}  // namespace ordeal::kube
