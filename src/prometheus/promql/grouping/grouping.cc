#include "prometheus/promql/grouping/grouping.h"

namespace ordeal::promql {

Grouping::Grouping(const Vector& vector, KeyNumbers& keys, bool nameless) {
  places_.resize(vector.size());
  std::vector<uint32_t> place_of_key;
  for (size_t i = 0; i < vector.size(); ++i) {
    const Element& element = vector[i];
    uint32_t key = keys.number(element.labels, nameless && element.drop_name);
    if (key >= place_of_key.size())
      place_of_key.resize(std::max<size_t>(keys.size(), 2 * place_of_key.size()), Memo::kNone);
    uint32_t& place = place_of_key[key];
    if (place == Memo::kNone) {
      place = static_cast<uint32_t>(groups_.size());
      groups_.push_back({key});
    }
    Group& group = groups_[place];
    group.drop_name = group.drop_name || element.drop_name;
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
