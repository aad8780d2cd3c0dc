// Grouping: the elements of a vector by their keys. Internal to src/prometheus/promql.
#pragma once

#include "prometheus/promql/eval/value.h"

namespace ordeal::promql {

class Grouping {
 public:
  struct Group {
    uint32_t key = 0;
    bool drop_name = false;  // as soon as one element drops its name
    uint32_t first = 0;      // in what arranged() gives
    uint32_t size = 0;
  };

  // `nameless`: the metadata of an element that drops its name counts as absent.
  Grouping(const Vector& vector, KeyNumbers& keys, bool nameless = false);

  // In the order in which they first appear.
  const std::vector<Group>& groups() const { return groups_; }
  // of(i) for each element i, group by group; within one in the order of the vector.
  template <typename Of>
  auto arranged(Of of) const {
    std::vector<decltype(of(size_t{0}))> items(places_.size());
    std::vector<uint32_t> next;
    for (const Group& group : groups_) next.push_back(group.first);
    for (size_t i = 0; i < places_.size(); ++i) items[next[places_[i]]++] = of(i);
    return items;
  }

 private:
  std::vector<Group> groups_;
  std::vector<uint32_t> places_;  // in groups_, by element
};

}  // namespace ordeal::promql
