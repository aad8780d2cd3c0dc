#include "interop/argo/run/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

using Scope = Template::Scope;

Unexpected refuse_at(const json::Origin& origin, std::string_view field, const std::string& why) {
  return fail(Errc::kInvalidInput, fmt::format("line {}: {}: {}", line_in(origin, field), path_in(origin, field), why));
}

Argument* argument_named(std::vector<Argument>& args, std::string_view name) {
  auto found = std::find_if(args.begin(), args.end(), [&](const Argument& a) { return a.name == name; });
  return found == args.end() ? nullptr : &*found;
}

Result<> add_argument(std::vector<Argument>& args, const Argument& argument) {
  Argument* known = argument_named(args, argument.name);
  if (!known) {
    args.push_back(argument);
    return {};
  }
  if (known->value && argument.value && *known->value != *argument.value)
    return refuse_at(argument.origin, "",
                     fmt::format("the argument \"{}\" has two values: \"{}\" and \"{}\"", argument.name, *known->value,
                                 *argument.value));
  if (!known->value) *known = argument;
  return {};
}

Result<> add_metric(std::vector<MetricTemplate>& metrics, const MetricTemplate& metric) {
  for (const MetricTemplate& other : metrics)
    if (other.name == metric.name)
      return refuse_at(metric.origin, "name", fmt::format("two metrics have the name \"{}\"", metric.name));
  metrics.push_back(metric);
  return {};
}

// strconv.Quote without its quotes. What JSON cannot read afterwards is an error then, in Argo as here.
std::string go_quoted(std::string_view text) {
  constexpr std::pair<char, std::string_view> kEscapes[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\n', "\\n"},
                                                            {'\t', "\\t"}, {'\r', "\\r"},  {'\b', "\\b"},
                                                            {'\f', "\\f"}, {'\a', "\\a"},  {'\v', "\\v"}};
  std::string out;
  for (char c : text) {
    auto known = std::find_if(std::begin(kEscapes), std::end(kEscapes), [&](auto& e) { return e.first == c; });
    if (known != std::end(kEscapes)) {
      out += known->second;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// A path such as metadata.labels['app'] or spec.template.spec.containers[0].image.
std::vector<std::string> path_parts(std::string_view path) {
  std::vector<std::string> parts;
  std::string part;
  bool quoted = false;
  for (char c : path) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (!quoted && (c == '.' || c == '[' || c == ']')) {
      if (!part.empty()) parts.push_back(std::exchange(part, {}));
    } else {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

const json::Value* step_into(const json::Value& value, const std::string& part) {
  if (const json::Object* object = value.if_object()) return object->if_contains(part);
  const json::Array* array = value.if_array();
  auto index = parse_number<size_t>(part);
  return array && index && *index < array->size() ? &(*array)[*index] : nullptr;
}

Result<std::string> field_of(const Rollout& rollout, const Argument& argument) {
  const std::string& path = argument.from->field_path;
  const json::Value* value = &rollout.object;
  for (const std::string& part : path_parts(path))
    if (value) value = step_into(*value, part);
  if (!value || value->is_null())
    return refuse_at(argument.origin, "valueFrom.fieldRef.fieldPath",
                     fmt::format("the Rollout \"{}\" has no {}", rollout.name, path));
  if (value->is_object() || value->is_array())
    return refuse_at(argument.origin, "valueFrom.fieldRef.fieldPath", fmt::format("{} is not a single value", path));
  return value->is_string() ? std::string(value->get_string()) : json::write(*value);
}

}  // namespace

Result<Flattened> flatten(const std::vector<const Template*>& templates) {
  Flattened all;
  for (bool cluster : {false, true}) {
    for (const Template* made : templates) {
      if ((made->kind == Scope::kClusterTemplate) != cluster) continue;
      for (const MetricTemplate& metric : made->metrics) TRY_VOID(add_metric(all.metrics, metric));
      for (const Argument& argument : made->args) TRY_VOID(add_argument(all.args, argument));
      TRY_VOID(add_rules(all.dry_run, made->dry_run, "dryRun"));
      TRY_VOID(add_rules(all.retention, made->retention, "measurementRetention"));
    }
  }
  return all;
}

Result<> add_rules(std::vector<MetricRule>& rules, const std::vector<MetricRule>& more, std::string_view kind) {
  for (const MetricRule& rule : more) {
    for (const MetricRule& other : rules)
      if (other.pattern == rule.pattern)
        return refuse_at(rule.origin, "metricName",
                         fmt::format("two rules of {} have the name \"{}\"", kind, rule.pattern));
    rules.push_back(rule);
  }
  return {};
}

Result<std::vector<Argument>> merge(const std::vector<Argument>& given, const std::vector<Argument>& known,
                                    std::vector<std::string>* dropped) {
  std::vector<Argument> merged = known;
  for (const Argument& argument : given) {
    Argument* target = argument_named(merged, argument.name);
    if (!target && dropped) dropped->push_back(argument.name);
    if (!target) continue;
    if (argument.value) target->value = argument.value;
    if (!argument.value && argument.from) target->from = argument.from;
  }
  for (const Argument& argument : merged)
    if (!argument.value && !argument.from)
      return fail(Errc::kInvalidInput, fmt::format("args.{} was not resolved", argument.name),
                  fmt::format("give the Rollout's analysis the argument, the template a default, or --arg {}=VALUE",
                              argument.name));
  return merged;
}

Result<std::vector<Argument>> resolve_rollout_arguments(const std::vector<Argument>& args, const Rollout& rollout,
                                                        const std::map<std::string, std::string>& pod_hashes) {
  std::vector<Argument> resolved;
  for (Argument argument : args) {
    if (argument.from && !argument.from->pod_hash.empty()) {
      auto hash = pod_hashes.find(argument.from->pod_hash);
      if (hash == pod_hashes.end())
        return fail(Errc::kInvalidInput,
                    fmt::format("args.{} is the pod-template-hash of the {} ReplicaSet, which only a cluster knows",
                                argument.name, argument.from->pod_hash),
                    fmt::format("give --arg {}=HASH", argument.name));
      argument.value = hash->second;
      argument.from.reset();
    } else if (argument.from && !argument.from->field_path.empty()) {
      argument.value = TRY(field_of(rollout, argument));
      argument.from.reset();
    }
    // In a Rollout an argument without a value is an empty text.
    if (!argument.value && !argument.from) argument.value = "";
    resolved.push_back(std::move(argument));
  }
  return resolved;
}

Result<std::string> substitute(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  for (;;) {
    size_t open = text.find("{{");
    if (open == std::string_view::npos) return out + std::string(text);
    size_t close = text.find("}}", open);
    if (close == std::string_view::npos)
      return fail(Errc::kInvalidInput, fmt::format("\"{}\" has no closing }}}}", text.substr(open, 40)));
    std::string_view tag = text.substr(open + 2, close - open - 2);
    auto value = values.find(std::string(trim(tag)));
    if (value == values.end()) return fail(Errc::kInvalidInput, fmt::format("failed to resolve {{{{{}}}}}", tag));
    out += text.substr(0, open);
    out += value->second;
    text.remove_prefix(close + 2);
  }
}

Result<Metric> resolve_metric(const MetricTemplate& metric, const std::vector<Argument>& args) {
  std::map<std::string, std::string> values;
  for (const Argument& argument : args) {
    if (!argument.value)
      return fail(Errc::kInvalidInput, fmt::format("argument \"{}\" was not supplied", argument.name));
    values["args." + argument.name] = go_quoted(*argument.value);
  }
  auto text = substitute(json::write(metric.value), values);
  if (!text) return refuse_at(metric.origin, "", text.error().what);
  auto value = json::parse(*text);
  if (!value) return refuse_at(metric.origin, "", "with its arguments filled in it is no JSON: " + value.error().what);
  return decode_metric(json::Reader(*value, metric.origin));
}

std::string redact(std::string text, const std::vector<std::string>& secrets) {
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += 5)
      text.replace(at, secret.size(), "*****");
  }
  return text;
}

Error redact(const Error& error, const std::vector<std::string>& secrets) {
  return {error.code, redact(error.message(), secrets), 0, redact(error.advice(), secrets), nullptr};
}

}  // namespace ordeal::argo
