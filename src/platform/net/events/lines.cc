#include "platform/net/events/lines.h"

#include <utility>

namespace ordeal::net {

void LineSplitter::feed(std::string_view bytes) {
  if (too_long_) return;
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  buffer_.append(bytes);
}

std::optional<std::string_view> LineSplitter::stop_at_long() {
  too_long_ = true;
  begin_ = scanned_ = 0;
  std::string().swap(buffer_);
  return std::nullopt;
}

std::optional<std::string_view> LineSplitter::next() {
  size_t end = buffer_.find('\n', scanned_);
  if (end == std::string::npos) {
    scanned_ = buffer_.size();
    // One more may be the CR of an end that is still to come.
    bool may_end = buffer_.size() - begin_ == most_ + 1 && buffer_.back() == '\r';
    return buffer_.size() - begin_ > most_ && !may_end ? stop_at_long() : std::nullopt;
  }
  std::string_view line = std::string_view(buffer_).substr(begin_, end - begin_);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > most_) return stop_at_long();
  begin_ = scanned_ = end + 1;
  return line;
}

std::string LineSplitter::take_rest() {
  std::string rest = buffer_.substr(begin_);
  buffer_.clear();
  begin_ = scanned_ = 0;
  return rest;
}

}  // namespace ordeal::net
