// Kept: the objects of one collection, as a kube::Mirror tells of them: whatever it missed meanwhile, after each list
// what is kept is what is there. Pure; keys are the owner's choice (a uid, a name).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ordeal::session {

template <typename T>
class Kept {
 public:
  // A list begins: what is not put before synced() is gone.
  void relist() { ++round_; }
  T& put(const std::string& key, T value) {
    auto& entry = all_[key];
    entry = {std::move(value), round_};
    ++changes_;
    return entry.value;
  }
  void remove(const std::string& key) { changes_ += all_.erase(key); }
  // What the list did not have.
  std::vector<T> synced() {
    std::vector<T> gone;
    for (auto it = all_.begin(); it != all_.end();) {
      bool stays = it->second.round == round_;
      if (!stays) gone.push_back(std::move(it->second.value));
      it = stays ? std::next(it) : all_.erase(it);
      changes_ += !stays;
    }
    complete_ = true;
    return gone;
  }

  // A whole list has come since it began.
  bool complete() const { return complete_; }
  size_t size() const { return all_.size(); }
  // Grows with each change.
  uint64_t changes() const { return changes_; }
  const T* find(const std::string& key) const {
    auto found = all_.find(key);
    return found == all_.end() ? nullptr : &found->second.value;
  }
  template <typename Use>
  void each(Use use) const {
    for (const auto& [key, entry] : all_) use(entry.value);
  }
  std::vector<T> values() const {
    std::vector<T> values;
    values.reserve(all_.size());
    each([&](const T& value) { values.push_back(value); });
    return values;
  }

 private:
  struct Entry {
    T value;
    uint64_t round = 0;
  };
  std::unordered_map<std::string, Entry> all_;
  uint64_t round_ = 0, changes_ = 0;
  bool complete_ = false;
};

}  // namespace ordeal::session
