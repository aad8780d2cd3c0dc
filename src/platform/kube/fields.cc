#include "platform/kube/fields.h"

#include "core/base/text/text.h"

namespace ordeal::kube {

const json::Value* field_at(const json::Value& object, std::string_view path) {
  const json::Value* found = &object;
  for (std::string_view key : split(path, '.')) {
    const json::Object* inside = found->if_object();
    found = inside ? inside->if_contains(key) : nullptr;
    if (!found) return nullptr;
  }
  return found;
}

std::string text_at(const json::Value& object, std::string_view path) {
  const json::Value* found = field_at(object, path);
  return found && found->is_string() ? std::string(found->get_string()) : "";
}

int64_t number_at(const json::Value& object, std::string_view path) {
  const json::Value* found = field_at(object, path);
  return found && found->is_int64() ? found->get_int64() : 0;
}

}  // namespace ordeal::kube
