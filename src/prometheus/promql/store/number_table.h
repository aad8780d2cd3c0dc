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
    if (slots_.empty()) return kNone;
    uint32_t folded = fold(hash);
    for (size_t at = folded & mask();; at = (at + 1) & mask()) {
      const Slot& slot = slots_[at];
      if (slot.number == kNone) return kNone;
      if (slot.hash == folded && same(slot.number)) return slot.number;
    }
  }

  // A key that is not there yet; the number is not kNone.
  void add(size_t hash, uint32_t number) {
    if (2 * (used_ + 1) > slots_.size()) grow();
    put({fold(hash), number});
    ++used_;
  }

  void clear() {
    slots_.clear();
    used_ = 0;
  }

 private:
  struct Slot {
    uint32_t hash = 0;
    uint32_t number = kNone;
  };

  static uint32_t fold(size_t hash) { return static_cast<uint32_t>(hash ^ (hash >> 32)); }
  size_t mask() const { return slots_.size() - 1; }

  void put(Slot slot) {
    size_t at = slot.hash & mask();
    while (slots_[at].number != kNone) at = (at + 1) & mask();
    slots_[at] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 8 : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.number != kNone) put(slot);
  }

  std::vector<Slot> slots_;  // a power of two, at most half full
  size_t used_ = 0;
};

}  // namespace ordeal::promql
