#include "app/cli/cluster/objects.h"

#include <algorithm>

namespace ordeal::cli {

const json::Array& list_at(const json::Value& object, std::string_view path) {
  static const json::Array kNone;
  const json::Value* found = field_at(object, path);
  return found && found->is_array() ? found->get_array() : kNone;
}

bool has_condition(const json::Value& object, std::string_view type) {
  const json::Array& conditions = list_at(object, "status.conditions");
  return std::any_of(conditions.begin(), conditions.end(), [&](const json::Value& condition) {
    return text_at(condition, "type") == type && text_at(condition, "status") == "True";
  });
}

}  // namespace ordeal::cli
