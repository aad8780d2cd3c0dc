#include "base/text.h"

#include <algorithm>

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

namespace {

size_t sequence_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

// Overlong forms, surrogates and what is above U+10FFFF show in the second byte.
bool second_byte_fits(unsigned char lead, unsigned char second) {
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second <= 0x9f;
  if (lead == 0xf0) return second >= 0x90;
  return lead != 0xf4 || second <= 0x8f;
}

// The length of the character that begins at `i`; 0 when none does.
size_t character_at(std::string_view text, size_t i) {
  auto lead = static_cast<unsigned char>(text[i]);
  size_t length = sequence_length(lead);
  if (length == 0 || i + length > text.size()) return 0;
  for (size_t k = 1; k < length; ++k)
    if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return 0;
  if (length > 1 && !second_byte_fits(lead, static_cast<unsigned char>(text[i + 1]))) return 0;
  return length;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    size_t length = character_at(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

std::string valid_text(std::string_view bytes) {
  if (valid_utf8(bytes)) return std::string(bytes);
  constexpr std::string_view kReplacement = "\xef\xbf\xbd", kDigits = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < bytes.size();) {
    size_t length = character_at(bytes, i);
    text += length == 0 ? kReplacement : bytes.substr(i, length);
    auto byte = static_cast<unsigned char>(bytes[i]);
    if (length == 0) text.append({kDigits[byte >> 4], kDigits[byte & 15]});
    i += std::max<size_t>(length, 1);
  }
  return text;
}

std::string without_password(std::string_view url) {
  size_t scheme = url.find("://");
  size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  std::string_view place = url.substr(start, url.substr(start).find_first_of("/?#"));
  size_t at = place.rfind('@'), colon = place.find(':');
  if (at == std::string_view::npos || colon > at) return std::string(url);
  return std::string(url.substr(0, start + colon)) + ":***" + std::string(url.substr(start + at));
}

}  // namespace ordeal
