#include "json/hide.h"

#include "base/secrets.h"
#include "base/text.h"

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

// Flags of one letter by which programs take passwords ("mysql -pX", "redis-cli -a X"). A port is none.
bool may_be_password_flag(std::string_view flag) { return flag == "-p" || flag == "-P" || flag == "-a"; }
bool is_port(std::string_view text) {
  auto number = parse_number<unsigned>(text);
  return number && *number <= 65535;
}

bool is_password(std::string_view text, std::string_view flag) {
  return !text.empty() && text.front() != '-' && (flag == "-a" || !is_port(text));
}

// Of "-phunter2", "-uNAME:PASSWORD"; "" where it is of another kind.
std::string without_joined(std::string_view text) {
  std::string_view flag = text.substr(0, 2), value = text.substr(flag.size());
  if (value.empty() || is_secret_flag(text) || value.front() == '-') return "";
  bool password = may_be_password_flag(flag) && (flag != "-a" || value.size() >= 4);  // "ps -aux"
  if (password) return std::string(flag) + std::string(kHiddenSecret);
  bool login = is_login_flag(flag) && value.find(':') != std::string_view::npos;
  return login ? std::string(flag) + without_login(value) : "";
}

using Known = std::vector<std::string>;

void hide_in(Value& value, const Known& known);

void hide_in(Array& array, const Known& known) {
  for (size_t i = array.size(); i > 0; --i) {
    Value& value = array[i - 1];
    std::string_view before = i > 1 ? view_of(array[i - 2]) : std::string_view();
    if (value.is_string() && is_secret_flag(before))
      value = kHiddenSecret;
    else if (value.is_string() && is_login_flag(before))
      value = without_login(view_of(value));
    else if (may_be_password_flag(before) && is_password(view_of(value), before))
      value = kHiddenSecret;
    else if (auto joined = without_joined(view_of(value)); i > 1 && !joined.empty())
      value = joined;
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
