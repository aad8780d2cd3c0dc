#include "json/hide.h"

#include "base/secrets.h"

namespace ordeal::json {
namespace {

std::string_view view_of(const Value& value) {
  return value.is_string() ? std::string_view(value.get_string()) : std::string_view();
}

bool is_secret_flag(std::string_view text) {
  return text.starts_with('-') && text.find('=') == std::string_view::npos && names_secret(text);
}

// Of "--user" and "-u" only what follows the colon is one.
std::string without_login(std::string_view login) {
  size_t colon = login.find(':');
  if (colon == std::string_view::npos || colon + 1 == login.size()) return hide_secrets(login);
  return std::string(login.substr(0, colon + 1)) + std::string(kHiddenSecret);
}

using Known = std::vector<std::string>;

void hide_in(Value& value, const Known& known);

void hide_in(Array& array, const Known& known) {
  for (size_t i = array.size(); i > 0; --i) {
    Value& value = array[i - 1];
    std::string_view before = i > 1 ? view_of(array[i - 2]) : std::string_view();
    if (value.is_string() && is_secret_flag(before))
      value = kHiddenSecret;
    else if (value.is_string() && (before == "-u" || before == "--user"))
      value = without_login(view_of(value));
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
