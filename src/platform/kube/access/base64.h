// Base64 (RFC 4648, with its padding) as kubeconfigs and credential plugins use it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ordeal::kube {

// White space is passed over. Nothing where the rest is no base64.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace ordeal::kube
