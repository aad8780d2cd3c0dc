#include "interop/dashboard/escape.h"

#include <fmt/format.h>

#include "core/base/text/text.h"
#include "core/json/value.h"

namespace ordeal::dashboard {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kJoiner = "\xE2\x81\xA0";       // U+2060

// Each `from` from the left becomes `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (size_t found; (found = text.find(from)) != text.npos; text.remove_prefix(found + from.size()))
    out.append(text.substr(0, found)).append(to);
  return out.append(text);
}

// The bytes of the character at the front, of valid UTF-8.
size_t width(std::string_view text) {
  auto lead = static_cast<unsigned char>(text.front());
  return lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

uint32_t code_of(std::string_view character) {
  constexpr unsigned kLeadBits[] = {0x7F, 0x1F, 0x0F, 0x07};
  uint32_t code = static_cast<unsigned char>(character.front()) & kLeadBits[character.size() - 1];
  for (char next : character.substr(1)) code = code << 6 | (static_cast<unsigned char>(next) & 0x3F);
  return code;
}

// Beyond ASCII: what YAML forbids, and what it takes for the end of a line.
bool needs_escape(uint32_t code) {
  bool control = code >= 0x7F && code < 0xA0, line = code == 0x2028 || code == 0x2029, mark = code == 0xFEFF;
  return control || line || mark || (code & 0xFFFE) == 0xFFFE;
}

std::string valid(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t size = std::min(width(text), text.size());
    bool good = valid_utf8(text.substr(0, size));
    out += good ? text.substr(0, size) : kReplacement;
    text.remove_prefix(good ? size : 1);
  }
  return out;
}

bool begins_name(std::string_view text) {
  return !text.empty() && (text[0] == '{' || text[0] == '_' || std::isalnum(static_cast<unsigned char>(text[0])) != 0);
}

// Each `$` before a name, and each `[[`, with `dollar` and `bracket` in place of the `$` and of the second bracket.
std::string without_variables(std::string_view text, std::string_view dollar, std::string_view bracket) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '$' && begins_name(text.substr(i + 1))) {
      out += dollar;
    } else if (text[i] == '[' && i > 0 && text[i - 1] == '[') {
      out += bracket;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string in_template(std::string_view text) { return replaced(text, "{{", "{{\"{{\"}}"); }

std::string in_yaml(std::string_view text) {
  std::string json = json::write(json::Value(valid(text))), out;
  for (std::string_view rest = json; !rest.empty();) {
    std::string_view character = rest.substr(0, width(rest));
    uint32_t code = code_of(character);
    out += !needs_escape(code) ? std::string(character)
           : code > 0xFFFF     ? fmt::format("\\U{:08x}", code)
                               : fmt::format("\\u{:04x}", code);
    rest.remove_prefix(character.size());
  }
  return out;
}

std::string in_grafana_query(std::string_view query) { return without_variables(query, "\\x24", "\\x5b"); }

std::string in_grafana_text(std::string_view text) {
  std::string joiner(kJoiner);
  return without_variables(text, "$" + joiner, joiner + "[");
}

}  // namespace ordeal::dashboard
