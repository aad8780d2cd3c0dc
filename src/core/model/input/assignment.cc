#include "core/model/input/assignment.h"

#include <fmt/format.h>

#include "core/base/text/text.h"

namespace ordeal {
namespace {

// What stands below `spec` in the form of a Kubernetes object.
json::Value& spec_of(json::Value& document) {
  if (!document.is_object()) return document;
  json::Object& object = document.get_object();
  json::Value* spec = object.if_contains("apiVersion") ? object.if_contains("spec") : nullptr;
  return spec ? *spec : document;
}

Unexpected refuse(const std::string& assignment, const std::string& why) {
  return fail(Errc::kInvalidInput, fmt::format("{}: {}", assignment, why));
}

// "[2]" of "expect[2]"; nothing where it is none.
std::optional<size_t> index_of(std::string_view brackets) {
  if (brackets.size() < 3 || !brackets.starts_with('[') || !brackets.ends_with(']')) return std::nullopt;
  return parse_number<size_t>(brackets.substr(1, brackets.size() - 2));
}

Result<json::Value*> item_of(json::Value& list, size_t index, const std::string& assignment) {
  if (!list.is_array()) return refuse(assignment, "what comes before [ is not a list");
  json::Array& items = list.get_array();
  if (index >= items.size())
    return refuse(assignment, fmt::format("there is no item {}: the list has {}", index, items.size()));
  return &items[index];
}

// The field of one part of a path, "args" or "expect[0]".
Result<json::Value*> step_into(json::Value& at, std::string_view part, const std::string& assignment) {
  size_t bracket = std::min(part.find('['), part.size());
  std::string_view key = part.substr(0, bracket);
  if (key.empty()) return refuse(assignment, "expected FIELD=VALUE, such as attack.args.delay=5s");
  if (at.is_null()) at = json::Object{};
  if (!at.is_object()) return refuse(assignment, fmt::format("the parent of \"{}\" is not an object", key));
  json::Value* field = &at.get_object()[key];
  if (bracket == part.size()) return field;
  auto index = index_of(part.substr(bracket));
  if (!index) return refuse(assignment, "expected a number in [ ]");
  return item_of(*field, *index, assignment);
}

json::Value value_of(std::string_view text) {
  auto parsed = json::parse(text);
  return parsed ? std::move(*parsed) : json::Value(text);
}

}  // namespace

Result<> assign(json::Value& experiment, const std::string& assignment) {
  size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0)
    return refuse(assignment, "expected FIELD=VALUE, such as attack.args.delay=5s");
  json::Value changed = experiment;
  json::Value* at = &spec_of(changed);
  for (std::string_view part : split(std::string_view(assignment).substr(0, equals), '.'))
    at = TRY(step_into(*at, part, assignment));
  *at = value_of(std::string_view(assignment).substr(equals + 1));
  experiment = std::move(changed);
  return {};
}

Result<> assign_length(json::Value& experiment, const std::string& length) {
  bool given = false;
  for (std::string_view field : {"length", "attack.length", "attack.args.length"}) {
    const json::Value* at = &spec_of(experiment);
    for (std::string_view part : split(field, '.')) {
      at = at->is_object() ? at->get_object().if_contains(part) : nullptr;
      if (!at) break;
    }
    if (at) TRY_VOID(assign(experiment, fmt::format("{}={}", field, length)));
    given = given || at;
  }
  return given ? Result<>{} : assign(experiment, "length=" + length);
}

}  // namespace ordeal
