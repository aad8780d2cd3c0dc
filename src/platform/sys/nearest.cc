#include "platform/sys/nearest.h"

#include <algorithm>

namespace ordeal::sys {
namespace {

// Levenshtein's distance, in which two neighbours that changed their places are one mistake.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1), above, two_above;
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    two_above = std::move(above);
    above = row;
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_above[j - 2] + 1);
    }
  }
  return row.back();
}

constexpr size_t kShortestPart = 3;

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t least = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (size_t d = distance(word, candidate); d < least) {
      least = d;
      best = candidate;
    }
  }
  if (!best.empty() || word.size() < kShortestPart) return best;
  for (const std::string& candidate : candidates) {
    bool part = candidate.size() >= kShortestPart &&
                (candidate.find(word) != candidate.npos || word.find(candidate) != word.npos);
    if (part) return candidate;
  }
  return best;
}

}  // namespace ordeal::sys
