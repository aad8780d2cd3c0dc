#include "core/base/text/text.h"

#include "core/base/text/printable.h"

namespace ordeal {

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (size_t start = 0;;) {
    size_t end = text.find(separator, start);
    parts.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return parts;
    start = end + 1;
  }
}

std::vector<std::string_view> split_words(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  for (size_t start = 0;;) {
    start = text.find_first_not_of(separators, start);
    if (start == std::string_view::npos) return words;
    size_t end = text.find_first_of(separators, start);
    words.push_back(text.substr(start, end - start));
    if (end == std::string_view::npos) return words;
    start = end;
  }
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (!text.empty()) text += separator;
    text += part;
  }
  return text;
}

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    CodePoint point = first_code_point(text);
    if (!point.valid) return false;
    text.remove_prefix(point.bytes);
  }
  return true;
}

std::string valid_text(std::string_view bytes) {
  if (valid_utf8(bytes)) return std::string(bytes);
  constexpr std::string_view kReplacement = "\xef\xbf\xbd", kDigits = "0123456789abcdef";
  std::string text;
  for (std::string_view rest = bytes; !rest.empty();) {
    CodePoint point = first_code_point(rest);
    text += point.valid ? rest.substr(0, point.bytes) : kReplacement;
    auto byte = static_cast<unsigned char>(rest.front());
    if (!point.valid) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
    rest.remove_prefix(point.bytes);
  }
  return text;
}

}  // namespace ordeal
