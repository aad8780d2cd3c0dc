// The words of HTTP shared by client and server: headers and their look-up. No parsing here.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::net {

// In the order of the wire; names keep their spelling.
using Headers = std::vector<std::pair<std::string, std::string>>;

// The first value of `name` (letter case ignored), or nullptr.
const std::string* find_header(const Headers& headers, std::string_view name);

// "Not Found" for 404; "Status" for a code without a name.
std::string_view reason_phrase(int status);

// "a%20b" to "a b", and + to a space. A broken escape stays as it is.
std::string percent_decode(std::string_view text);
// For a form body or a query string.
std::string percent_encode(std::string_view text);

}  // namespace ordeal::net
