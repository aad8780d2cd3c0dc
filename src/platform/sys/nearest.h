// The name that a person probably meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ordeal::sys {

// The candidate with the least edit distance to `word`, when that is at most a third of its length and at least 1,
// or one that contains the word or is contained in it; else "".
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ordeal::sys
