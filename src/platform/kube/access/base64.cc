#include "platform/kube/access/base64.h"

#include <algorithm>
#include <cstdint>

namespace ordeal::kube {
namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string packed(text);
  packed.erase(std::remove_if(packed.begin(), packed.end(), is_space), packed.end());
  if (packed.size() % 4 != 0) return std::nullopt;
  size_t padding = packed.ends_with("==") ? 2 : packed.ends_with("=") ? 1 : 0;
  std::string out;
  uint32_t bits = 0;
  for (size_t i = 0; i < packed.size() - padding; ++i) {
    size_t digit = kDigits.find(packed[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    if (i % 4 > 0) out += static_cast<char>(bits >> (6 - 2 * (i % 4)));
  }
  return out;
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    size_t count = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) bits = (bits << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= count ? kDigits[(bits >> (18 - 6 * k)) & 63] : '=';
  }
  return out;
}

}  // namespace ordeal::kube
