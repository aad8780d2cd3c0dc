// Labels: a label set. Sorted by name, each name once, no empty value (an empty label is an absent one).
// One block of memory holds them all, shared by copies and never changed in place, so that a copy costs no memory: a
// store of 100 000 series answers a query without copying a name. Safe to read from two threads, like a std::string.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::promql {

constexpr std::string_view kMetricName = "__name__";

class Labels {
 public:
  using Pair = std::pair<std::string, std::string>;
  using View = std::pair<std::string_view, std::string_view>;

  // Name and value, in the order of names.
  class Iterator {
   public:
    explicit Iterator(std::string_view rest) : rest_(rest) { read(); }
    const View& operator*() const { return pair_; }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return rest_.size() != other.rest_.size(); }

   private:
    void read();
    std::string_view rest_;
    View pair_;
    size_t length_ = 0;
  };

  Labels() = default;
  Labels(const Labels& other) : block_(other.block_) { hold(); }
  Labels(Labels&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Labels& operator=(Labels other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Labels() { release(); }
  Labels(std::initializer_list<Pair> pairs) : Labels(std::vector<Pair>(pairs)) {}
  // In any order; of a name given twice the last counts.
  explicit Labels(std::vector<Pair> pairs);

  // "" when absent.
  std::string_view get(std::string_view name) const;
  // An empty value erases.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name) { set(name, {}); }
  // Those for which keep(name) is true.
  template <typename Keep>
  Labels filtered(Keep keep) const;

  bool empty() const { return encoded().empty(); }
  size_t size() const;
  Iterator begin() const { return Iterator(encoded()); }
  Iterator end() const { return Iterator({}); }
  size_t hash() const { return std::hash<std::string_view>{}(encoded()); }
  // Bytes that the label set takes.
  size_t bytes() const { return encoded().size(); }
  // http_requests_total{code="500"}, as Prometheus prints it; {} when empty.
  std::string text() const;

  bool operator==(const Labels& other) const { return block_ == other.block_ || encoded() == other.encoded(); }
  bool operator<(const Labels& other) const;

 private:
  static void append(std::string& to, std::string_view name, std::string_view value);
  // Pairs of a length and a text: the length is one byte below 255, else 255 and four bytes.
  std::string_view encoded() const;
  void adopt(const std::string& encoded);
  void hold() const;
  void release();

  struct Block {
    std::atomic<uint32_t> holders;
    uint32_t size;  // of the bytes that follow
  };
  Block* block_ = nullptr;  // null when empty
};

inline std::string_view Labels::encoded() const {
  if (!block_) return {};
  return {reinterpret_cast<const char*>(block_ + 1), block_->size};
}

inline void Labels::hold() const {
  if (block_) block_->holders.fetch_add(1, std::memory_order_relaxed);
}

inline void Labels::release() {
  if (block_ && block_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(block_);
}

template <typename Keep>
Labels Labels::filtered(Keep keep) const {
  std::string kept;
  kept.reserve(encoded().size());
  for (const auto& [name, value] : *this)
    if (keep(name)) append(kept, name, value);
  Labels labels;
  if (kept.size() == encoded().size()) return *this;
  labels.adopt(kept);
  return labels;
}

struct LabelsHash {
  size_t operator()(const Labels& labels) const { return labels.hash(); }
};

// "text" with Go's escapes.
std::string quoted(std::string_view text);

}  // namespace ordeal::promql
