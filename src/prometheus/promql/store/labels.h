// Labels: a label set. Sorted by name, each name once, no empty value (an empty label is an absent one).
// One block of memory holds them all, shared by copies and never changed in place, so that a copy costs no memory. Safe
// to read from two threads, like a std::string. LabelsView is to Labels what std::string_view is to std::string: it
// reads the block of a Labels that somebody else keeps, and costs nothing to copy.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::promql {

constexpr std::string_view kMetricName = "__name__";

class LabelsView {
 public:
  using Pair = std::pair<std::string_view, std::string_view>;

  // Name and value, in the order of names.
  class Iterator {
   public:
    explicit Iterator(std::string_view rest) : at_(rest.data()), end_(at_ + rest.size()) { read(); }
    const Pair& operator*() const { return pair_; }
    // The pair as it lies in the block.
    std::string_view encoded() const { return {at_, static_cast<size_t>(next_ - at_)}; }
    Iterator& operator++() {
      at_ = next_;
      read();
      return *this;
    }
    // Of iterators of one label set.
    bool operator!=(const Iterator& other) const { return end_ - at_ != other.end_ - other.at_; }

   private:
    void read();
    static std::string_view text_at(const char* at);

    const char* at_;
    const char* end_;
    const char* next_ = nullptr;
    Pair pair_;
  };

  LabelsView() = default;

  // "" when absent.
  std::string_view get(std::string_view name) const;
  bool empty() const { return encoded().empty(); }
  size_t size() const;
  Iterator begin() const { return Iterator(encoded()); }
  Iterator end() const { return Iterator({}); }
  size_t hash() const { return std::hash<std::string_view>{}(encoded()); }
  // Bytes that the label set takes.
  size_t bytes() const { return encoded().size(); }
  // http_requests_total{code="500"}, as Prometheus prints it; {} when empty.
  std::string text() const;

  bool operator==(const LabelsView& other) const { return block_ == other.block_ || encoded() == other.encoded(); }
  bool operator<(const LabelsView& other) const;

 protected:
  // Pairs of a length and a text: the length is one byte below 255, else 255 and four bytes.
  struct Block {
    std::atomic<uint32_t> holders;
    uint32_t size;  // of the bytes that follow
  };
  static constexpr unsigned char kLong = 255;

  std::string_view encoded() const {
    if (!block_) return {};
    return {reinterpret_cast<const char*>(block_ + 1), block_->size};
  }

  Block* block_ = nullptr;  // null when empty
};

class Labels : public LabelsView {
 public:
  using Pair = std::pair<std::string, std::string>;

  Labels() = default;
  Labels(LabelsView view) : LabelsView(view) { hold(); }  // NOLINT: takes a share, copies nothing
  Labels(const Labels& other) : LabelsView(other) { hold(); }
  Labels(Labels&& other) noexcept { std::swap(block_, other.block_); }
  Labels& operator=(Labels other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Labels() { release(); }
  Labels(std::initializer_list<Pair> pairs) : Labels(std::vector<Pair>(pairs)) {}
  // In any order; of a name given twice the last counts.
  explicit Labels(std::vector<Pair> pairs);

  // An empty value erases.
  void set(std::string_view name, std::string_view value);
  void erase(std::string_view name) { set(name, {}); }
  // Those of `from` for which keep(name) is true.
  template <typename Keep>
  static Labels filtered(LabelsView from, Keep keep);

 private:
  static void append(std::string& to, std::string_view name, std::string_view value);
  // With one holder; size bytes to be filled.
  static Block* allocate(size_t size) {
    return new (::operator new(sizeof(Block) + size)) Block{{1}, static_cast<uint32_t>(size)};
  }
  void adopt(const std::string& encoded);
  void hold() const {
    if (block_) block_->holders.fetch_add(1, std::memory_order_relaxed);
  }
  void release() {
    if (block_ && block_->holders.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(block_);
  }
};

inline void LabelsView::Iterator::read() {
  if (at_ == end_) return;
  pair_.first = text_at(at_);
  pair_.second = text_at(pair_.first.data() + pair_.first.size());
  next_ = pair_.second.data() + pair_.second.size();
}

inline std::string_view LabelsView::Iterator::text_at(const char* at) {
  uint32_t size = static_cast<unsigned char>(*at++);
  if (size == kLong) {
    std::memcpy(&size, at, sizeof size);
    at += sizeof size;
  }
  return {at, size};
}

inline std::string_view LabelsView::get(std::string_view name) const {
  for (const auto& [key, value] : *this)
    if (int order = key.compare(name); order >= 0) return order == 0 ? value : std::string_view();
  return {};
}

template <typename Keep>
Labels Labels::filtered(LabelsView from, Keep keep) {
  Labels labels;
  labels.block_ = allocate(from.bytes());
  char* to = reinterpret_cast<char*>(labels.block_ + 1);
  const char* begin = to;
  for (Iterator at = from.begin(), end = from.end(); at != end; ++at)
    if (keep((*at).first)) to = std::copy(at.encoded().begin(), at.encoded().end(), to);
  labels.block_->size = static_cast<uint32_t>(to - begin);
  if (labels.bytes() == from.bytes()) return from;
  return labels.empty() ? Labels() : labels;
}

struct LabelsHash {
  size_t operator()(LabelsView labels) const { return labels.hash(); }
};

// "text" with Go's escapes.
std::string quoted(std::string_view text);

}  // namespace ordeal::promql
