// LineSplitter: lines out of bytes that arrive in pieces of any size. A line ends with LF; a CR before it is dropped.
// It holds at most one unfinished line of `most` bytes and the piece that was fed last: take every line before the next
// feed(). A longer line ends it: too_long() is true and nothing comes any more.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ordeal::net {

class LineSplitter {
 public:
  explicit LineSplitter(size_t most) : most_(most) {}

  void feed(std::string_view bytes);
  // The next whole line without its end; valid until feed().
  std::optional<std::string_view> next();
  // What came after the last line's end: a last line without an end, or a piece of one.
  std::string take_rest();
  bool too_long() const { return too_long_; }

 private:
  std::optional<std::string_view> stop_at_long();

  size_t most_;
  std::string buffer_;
  size_t begin_ = 0;    // of the line that next() gives
  size_t scanned_ = 0;  // no LF in [begin_, scanned_)
  bool too_long_ = false;
};

}  // namespace ordeal::net
