// Which key stands twice in one object of a JSON text. Parsers keep the last and say nothing; a person who wrote two
// meant only one of them. For text that is valid JSON; keys are compared as they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ordeal::json {

struct DoubleKey {
  std::string key;
  int line = 1;  // of the second
};
std::optional<DoubleKey> find_double_key(std::string_view text);

}  // namespace ordeal::json
