#include "prometheus/promql/grouping/grouping.h"

namespace ordeal::promql {

Grouping::Grouping(const Vector& vector, KeyNumbers& keys, bool nameless) {
  places_.resize(vector.size());
  for (size_t i = 0; i < vector.size(); ++i)
    places_[i] = keys.number(vector[i].labels, nameless && vector[i].drop_name);
  std::vector<uint32_t> place_of_key(keys.size(), Memo::kNone);
  for (size_t i = 0; i < vector.size(); ++i) {
    uint32_t& place = place_of_key[places_[i]];
    if (place == Memo::kNone) {
      place = static_cast<uint32_t>(groups_.size());
      groups_.push_back({places_[i]});
    }
    Group& group = groups_[place];
    group.drop_name |= vector[i].drop_name;
    ++group.size;
    places_[i] = place;
  }
  uint32_t first = 0;
  for (Group& group : groups_) {
    group.first = first;
    first += group.size;
  }
}

}  // namespace ordeal::promql
