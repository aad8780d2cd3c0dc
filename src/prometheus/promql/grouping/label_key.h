// Which labels of a series count, for grouping and matching: `by` and `on` name those, `without` and `ignoring` the
// others. Keys are compared in place: label sets are made only for results. Internal to src/prometheus/promql.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "prometheus/promql/grouping/label_table.h"

namespace ordeal::promql {

class LabelKey {
 public:
  enum class Counts { kListed, kOthers, kOthersAndName };

  // kOthers are all but `listed` and the metric's name. `listed` must outlive the key.
  LabelKey(const std::vector<std::string>& listed, Counts counts) : listed_(&listed), counts_(counts) {}

  // Of a label set whose metadata counts as absent when it is `nameless`.
  size_t hash(LabelsView labels, bool nameless) const;
  bool same(LabelsView a, bool a_nameless, LabelsView b, bool b_nameless) const;
  Labels of(LabelsView labels, bool nameless) const;
  // The labels that count among series of one metric, but for its name; nothing when that is not known.
  std::optional<std::vector<std::string>> names(const LabelIndex& index, bool nameless) const;

 private:
  bool counts(std::string_view name, bool nameless) const;
  static std::string_view value(LabelsView labels, const std::string& name, bool nameless) {
    return nameless && is_metadata(name) ? std::string_view() : labels.get(name);
  }

  const std::vector<std::string>* listed_;
  Counts counts_;
};

// Numbers for keys: 0, 1, ... in the order in which they come up.
class KeyNumbers {
 public:
  // The table must outlive this.
  KeyNumbers(LabelKey key, LabelTable& table) : key_(key), table_(table) {}

  uint32_t number(LabelsId labels, bool nameless = false) {
    uint32_t known = known_[nameless][labels];
    return known == Memo::kNone ? work_out({labels, nameless}) : known;
  }
  size_t size() const { return firsts_.size(); }
  // The labels that count, of all label sets with this key.
  LabelsId labels_of(uint32_t number);

 private:
  struct Member {
    LabelsId labels;
    bool nameless;
  };

  uint32_t work_out(Member member);
  uint32_t find_or_add(Member member);
  // The numbers of all these at once, by the index. Nothing happens when it does not know enough.
  void learn(const LabelTable::Indexed& sets, bool nameless);
  bool same(uint32_t number, Member member) const;

  LabelKey key_;
  LabelTable& table_;
  std::vector<Member> firsts_;  // by number
  NumberTable numbers_;
  Memo known_[2];                                   // by nameless and LabelsId
  std::vector<std::pair<LabelsId, bool>> learned_;  // the first of the sets, and nameless
  Memo labels_;
  uint32_t last_ = 0;
};

// What a node of the query has learned of labels; it holds for all steps.
struct NodeLabels {
  KeyNumbers keys;
  std::unordered_map<uint64_t, LabelsId> joined;  // of two matched elements
};

class LabelSpace {
 public:
  LabelTable table;

  // The key must be the same whenever it is asked for the same node.
  NodeLabels& of(const void* node, const LabelKey& key) {
    auto known = nodes_.find(node);
    if (known == nodes_.end()) known = nodes_.try_emplace(node, NodeLabels{KeyNumbers(key, table), {}}).first;
    return known->second;
  }

 private:
  std::unordered_map<const void*, NodeLabels> nodes_;
};

}  // namespace ordeal::promql
