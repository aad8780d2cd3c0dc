#include "core/model/input/kubernetes_names.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal {
namespace {

constexpr size_t kLabelBytes = 63;
constexpr size_t kPrefixBytes = 253;

bool is_lower(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alphanumeric(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= kLabelBytes && is_lower(text.front()) && is_lower(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower(c) || c == '-'; });
}

bool is_dns_name(std::string_view text) {
  if (text.size() > kPrefixBytes) return false;
  auto parts = split(text, '.');
  return std::all_of(parts.begin(), parts.end(), is_dns_label);
}

bool is_word(std::string_view text) {
  auto inner = [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  return !text.empty() && text.size() <= kLabelBytes && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), inner);
}

// The mistakes that are made, in words of their own.
std::string_view mistake_in(std::string_view text) {
  if (text.find_first_of("*?[]") != text.npos) return "; there are no patterns: list each one";
  if (text.find(',') != text.npos) return "; give several as a list: [a, b]";
  if (text != trim(text)) return "; it has a space at the start or end";
  return "";
}

constexpr std::string_view kNamespace =
    "a namespace (1 to 63 lower-case letters, digits and \"-\", a letter or digit at both ends)";

}  // namespace

bool is_label_name(std::string_view text) {
  size_t slash = text.find('/');
  if (slash == text.npos) return is_word(text);
  return is_dns_name(text.substr(0, slash)) && is_word(text.substr(slash + 1));
}

bool is_label_value(std::string_view text) { return text.empty() || is_word(text); }

Result<std::string> decode_namespace(const json::Reader& reader) {
  std::string text = TRY(reader.text());
  if (is_dns_label(text)) return text;
  auto error = reader.expected(kNamespace);
  error.value().what += mistake_in(text);
  return error;
}

Result<std::vector<std::string>> decode_namespaces(const json::Reader& reader) {
  if (reader.value().is_string()) return std::vector<std::string>{TRY(decode_namespace(reader))};
  std::vector<std::string> all;
  for (const json::Reader& item : TRY(reader.items())) all.push_back(TRY(decode_namespace(item)));
  if (all.empty()) return reader.refuse("an empty list names no namespace; leave it out");
  return all;
}

Result<Labels> decode_labels(const json::Reader& reader) {
  Labels labels;
  for (auto& [name, value] : TRY(reader.labels())) labels[name] = value;
  for (auto& [name, field] : TRY(reader.fields())) {
    if (!is_label_name(name))
      return field.refuse(fmt::format("expected {}, found \"{}\"{}", kLabelNameExpected, name, mistake_in(name)));
    const std::string& value = labels[name];
    if (!is_label_value(value))
      return field.refuse(fmt::format("expected {}, found \"{}\"{}", kLabelValueExpected, value, mistake_in(value)));
  }
  return labels;
}

}  // namespace ordeal
