// Which labels of a series count, for grouping and matching: `by` and `on` name those, `without` and `ignoring` the
// others. Keys are compared in place: label sets are made only for results. Internal to src/promql.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "promql/store/labels.h"

namespace ordeal::promql {

class LabelKey {
 public:
  // `listed` counts (by, on), else all but `listed` and the metric's name (without, ignoring).
  LabelKey(const std::vector<std::string>& listed, bool only_listed) : listed_(listed), only_listed_(only_listed) {}

  bool counts(std::string_view name) const;
  size_t hash(const Labels& labels) const;
  bool same(const Labels& a, const Labels& b) const;
  Labels of(const Labels& labels) const;

 private:
  const std::vector<std::string>& listed_;
  bool only_listed_;
};

// Numbers for keys, in any order of the caller's.
class KeyIndex {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // The number of the key of `labels`; `fresh` when it is new, and from now on its number.
  // `labels` must live, unchanged, as long as this index.
  size_t find_or_add(const LabelKey& key, const Labels& labels, size_t fresh);
  // kNone when it was never added.
  size_t find(const LabelKey& key, const Labels& labels) const;

 private:
  std::unordered_multimap<size_t, std::pair<const Labels*, size_t>> places_;
};

}  // namespace ordeal::promql
