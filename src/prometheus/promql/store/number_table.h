// NumberTable: finds numbers by keys that lie elsewhere. One flat array holds each number beside 32 bits of its key's
// hash; the caller compares keys. Nothing is erased: clear() and add again. Takes 8 to 32 bytes a number.
#pragma once

#include <cstdint>
#include <vector>

namespace ordeal::promql {

class NumberTable {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  // The number of this hash for which same(number) is true, else kNone.
  template <typename Same>
  uint32_t find(size_t hash, Same same) const {
    if (places_.empty()) return kNone;
    uint32_t folded = fold(hash);
    for (size_t at = folded & mask();; at = (at + 1) & mask()) {
      const Place& place = places_[at];
      if (place.number == kNone) return kNone;
      if (place.hash == folded && same(place.number)) return place.number;
    }
  }

  // A key that is not there yet; the number is not kNone.
  void add(size_t hash, uint32_t number) {
    if (2 * (used_ + 1) > places_.size()) grow();
    put({fold(hash), number});
    ++used_;
  }

  void clear() {
    places_.clear();
    used_ = 0;
  }

 private:
  struct Place {
    uint32_t hash = 0;
    uint32_t number = kNone;
  };

  static uint32_t fold(size_t hash) { return static_cast<uint32_t>(hash ^ (hash >> 32)); }
  size_t mask() const { return places_.size() - 1; }

  void put(Place place) {
    size_t at = place.hash & mask();
    while (places_[at].number != kNone) at = (at + 1) & mask();
    places_[at] = place;
  }

  void grow() {
    std::vector<Place> old(places_.empty() ? 8 : 2 * places_.size());
    old.swap(places_);
    for (const Place& place : old)
      if (place.number != kNone) put(place);
  }

  std::vector<Place> places_;  // a power of two, at most half full
  size_t used_ = 0;
};

}  // namespace ordeal::promql
