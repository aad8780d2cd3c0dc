#include "platform/sys/nearest.h"

#include <algorithm>

namespace ordeal::sys {
namespace {

// Levenshtein's distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
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
