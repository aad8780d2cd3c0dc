#include "json/double_key.h"

#include <algorithm>
#include <set>
#include <vector>

namespace ordeal::json {
namespace {

// The end of the string that begins at text[start], without its quote.
size_t end_of_string(std::string_view text, size_t start) {
  size_t at = start + 1;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return std::min(at, text.size());
}

struct Level {
  bool object = false;
  bool key_next = false;
  std::set<std::string_view> keys;
};

}  // namespace

std::optional<DoubleKey> find_double_key(std::string_view text) {
  std::vector<Level> levels(1);
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    Level& level = levels.back();
    if (c == '{' || c == '[') levels.push_back({c == '{', c == '{', {}});
    if ((c == '}' || c == ']') && levels.size() > 1) levels.pop_back();
    if (c == ',') level.key_next = level.object;
    if (c != '"') continue;
    size_t end = end_of_string(text, at);
    std::string_view word = text.substr(at + 1, end - at - 1);
    if (level.key_next && !level.keys.insert(word).second)
      return DoubleKey{std::string(word), 1 + static_cast<int>(std::count(text.begin(), text.begin() + at, '\n'))};
    level.key_next = false;
    at = end;
  }
  return std::nullopt;
}

}  // namespace ordeal::json
