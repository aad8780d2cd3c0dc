#include "core/json/hide.h"

#include "core/base/text/secrets.h"

namespace ordeal::json {
namespace {

std::string_view view_of(const Value& value) {
  return value.is_string() ? std::string_view(value.get_string()) : std::string_view();
}

using Known = std::vector<std::string>;

void hide_in(Value& value, const Known& known);

void hide_in(Array& array, const Known& known) {
  for (size_t i = array.size(); i > 0; --i) {
    Value& value = array[i - 1];
    std::string_view before = i > 1 ? view_of(array[i - 2]) : std::string_view();
    if (value.is_string())
      value = hide(hide_argument(before, view_of(value)), known);
    else
      hide_in(value, known);
  }
}

void hide_in(Value& value, const Known& known) {
  if (value.is_string()) value = hide(hide_secrets(view_of(value)), known);
  if (value.is_array()) hide_in(value.get_array(), known);
  if (!value.is_object()) return;
  for (auto& [key, member] : value.get_object()) {
    if (member.is_string() && !member.get_string().empty() && names_secret(key))
      member = kHiddenSecret;
    else
      hide_in(member, known);
  }
}

}  // namespace

Value without_secrets(Value value, const Known& known) {
  hide_in(value, known);
  return value;
}

}  // namespace ordeal::json
