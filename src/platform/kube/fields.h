// Fields of objects as the API gives them, where anything may be absent or of another type. A path has its keys joined
// by dots ("metadata.resourceVersion"): labels and annotations, whose keys have dots themselves, are not for it.
#pragma once

#include <string>
#include <string_view>

#include "core/json/value.h"

namespace ordeal::kube {

// nullptr where something on the way is no object or not there.
const json::Value* field_at(const json::Value& object, std::string_view path);
// "" where it is no text.
std::string text_at(const json::Value& object, std::string_view path);
// 0 where it is no whole number.
int64_t number_at(const json::Value& object, std::string_view path);

}  // namespace ordeal::kube
