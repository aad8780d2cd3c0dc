// What an object says, as it came from the API server. A path has its keys joined by dots (platform/kube/fields.h).
#pragma once

#include <string_view>

#include "core/json/value.h"
#include "platform/kube/fields.h"

namespace ordeal::cli {

using kube::field_at;
using kube::number_at;
using kube::text_at;

// Empty where it is no list.
const json::Array& list_at(const json::Value& object, std::string_view path);
// A condition of its status that is "True".
bool has_condition(const json::Value& object, std::string_view type);

}  // namespace ordeal::cli
