#include "core/model/input/rollback.h"

#include <fmt/format.h>

#include <array>

#include "core/base/duration.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "core/model/input/experiment.h"

namespace ordeal {
namespace {

using json::Reader;

constexpr const char* kHidden = "*****";
constexpr size_t kMostActions = 16;
constexpr std::array kKinds{"command", "http", "rollout", "deployment"};

struct Verb {
  std::string_view action;
  std::string_view text;
};
constexpr std::array<Verb, 5> kVerbs{{{"abort", "abort"},
                                      {"undo", "undo the last change of"},
                                      {"retry", "retry"},
                                      {"promote", "promote"},
                                      {"promote-full", "promote fully"}}};

Result<Nanos> decode_limit(const Reader& reader) {
  Nanos limit = TRY(reader.duration(1s));
  if (limit <= Nanos(0) || limit > 10min) return reader.expected("a time limit above 0 and at most 10m");
  return limit;
}

Result<CommandAction> decode_command_action(const Reader& reader) {
  CommandAction action{TRY(reader.texts())};
  if (action.argv.empty()) return reader.expected("a program and its arguments");
  return action;
}

Result<HttpAction> decode_http_action(const Reader& reader, Nanos& timeout) {
  TRY_VOID(reader.only({"url", "method", "headers", "body", "timeout"}));
  HttpAction action;
  Reader url = TRY(reader.at("url"));
  action.url = TRY(url.text());
  if (!is_http_url(action.url)) return url.expected(kUrlExpected);
  if (auto field = TRY(reader.find("method")))
    action.method = TRY(field->word({"GET", "POST", "PUT", "PATCH", "DELETE"}));
  if (auto field = TRY(reader.find("headers"))) action.headers = TRY(field->labels());
  if (auto field = TRY(reader.find("body"))) {
    action.body = TRY(field->text());
    if (action.method == "GET") return field->refuse("a GET has no body; give a method that has one");
  }
  if (auto field = TRY(reader.find("timeout"))) timeout = TRY(decode_limit(*field));
  return action;
}

Result<std::string> decode_object_name(const Reader& reader) {
  std::string name = TRY(reader.text());
  if (!is_object_name(name)) return reader.expected("a Kubernetes name (a-z, 0-9, - and .)");
  return name;
}

// Its path and query may hold a token, as a web hook's do.
std::string server_of(const std::string& url) {
  auto parts = parse_url(url);
  if (!parts) return "***";
  return fmt::format("{}://{}{}", parts->scheme, parts->place, parts->rest.empty() ? "" : "/***");
}

Result<RolloutAction> decode_rollout(const Reader& reader) {
  TRY_VOID(reader.only({"name", "namespace", "action"}));
  RolloutAction action;
  action.name = TRY(decode_object_name(TRY(reader.at("name"))));
  if (auto field = TRY(reader.find("namespace"))) action.namespace_ = TRY(decode_object_name(*field));
  std::vector<std::string_view> known;
  for (const Verb& verb : kVerbs) known.push_back(verb.action);
  if (auto field = TRY(reader.find("action"))) action.action = TRY(field->word(known));
  return action;
}

Result<DeploymentAction> decode_deployment(const Reader& reader) {
  TRY_VOID(reader.only({"name", "namespace"}));
  DeploymentAction action;
  action.name = TRY(decode_object_name(TRY(reader.at("name"))));
  if (auto field = TRY(reader.find("namespace"))) action.namespace_ = TRY(decode_object_name(*field));
  return action;
}

Result<RollbackAction> decode_action(const Reader& reader) {
  TRY_VOID(reader.only({"command", "http", "rollout", "deployment", "timeout"}));
  RollbackAction action;
  int kinds = 0;
  if (auto field = TRY(reader.find("timeout"))) action.timeout = TRY(decode_limit(*field));
  if (auto field = TRY(reader.find("command"))) ++kinds, action.what = TRY(decode_command_action(*field));
  if (auto field = TRY(reader.find("http"))) ++kinds, action.what = TRY(decode_http_action(*field, action.timeout));
  if (auto field = TRY(reader.find("rollout"))) ++kinds, action.what = TRY(decode_rollout(*field));
  if (auto field = TRY(reader.find("deployment"))) ++kinds, action.what = TRY(decode_deployment(*field));
  if (kinds != 1) return reader.refuse("expected exactly one of command, http, rollout and deployment");
  return action;
}

struct ToText {
  std::string operator()(const CommandAction& action) const { return "run " + hide_command(action.argv); }
  std::string operator()(const HttpAction& action) const {
    return fmt::format("{} {}", action.method, server_of(action.url));
  }
  std::string operator()(const RolloutAction& action) const {
    std::string_view verb = action.action;
    for (const Verb& known : kVerbs)
      if (known.action == verb) verb = known.text;
    return fmt::format("{} the Rollout {} in {}", verb, action.name, action.namespace_);
  }
  std::string operator()(const DeploymentAction& action) const {
    return fmt::format("undo the last change of the Deployment {} in {}", action.name, action.namespace_);
  }
};

struct ToJson {
  json::Object operator()(const CommandAction& action) const {
    json::Array argv;
    for (const std::string& word : action.argv) argv.push_back(json::Value(word));
    return {{"command", std::move(argv)}};
  }
  json::Object operator()(const HttpAction& action) const {
    json::Object headers;
    for (const auto& [name, value] : action.headers) headers[name] = kHidden;
    json::Object http{{"url", server_of(action.url)}, {"method", action.method}};
    if (!headers.empty()) http["headers"] = std::move(headers);
    if (!action.body.empty()) http["body"] = kHidden;
    return {{"http", std::move(http)}};
  }
  json::Object operator()(const RolloutAction& action) const {
    return {
        {"rollout", json::Object{{"name", action.name}, {"namespace", action.namespace_}, {"action", action.action}}}};
  }
  json::Object operator()(const DeploymentAction& action) const {
    return {{"deployment", json::Object{{"name", action.name}, {"namespace", action.namespace_}}}};
  }
};

}  // namespace

bool is_object_name(std::string_view name) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyz0123456789-.", kInside = "-.";
  bool plain = !name.empty() && name.size() <= 253 && name.find_first_not_of(kPlain) == std::string_view::npos;
  return plain && kInside.find(name.front()) == std::string_view::npos &&
         kInside.find(name.back()) == std::string_view::npos;
}

const char* kind_of(const RollbackAction& action) { return kKinds[action.what.index()]; }

std::string to_text(const RollbackAction& action) { return std::visit(ToText{}, action.what); }

Result<std::vector<RollbackAction>> decode_rollback(const Reader& reader) {
  std::vector<RollbackAction> actions;
  for (const Reader& item : TRY(reader.items())) actions.push_back(TRY(decode_action(item)));
  if (actions.size() > kMostActions) return reader.expected(fmt::format("at most {} actions", kMostActions));
  return actions;
}

json::Value to_json(const RollbackAction& action) {
  json::Object object = std::visit(ToJson{}, action.what);
  object["timeout"] = format_duration(action.timeout);
  return object;
}

}  // namespace ordeal
