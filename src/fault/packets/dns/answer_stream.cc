#include "fault/packets/dns/answer_stream.h"

#include "fault/packets/dns/message.h"

namespace ordeal::packets::dns {
namespace {

constexpr size_t kRemembered = 256;

int32_t distance(uint32_t from, uint32_t to) { return static_cast<int32_t>(to - from); }

size_t length_at(std::span<const uint8_t> segment, size_t at) {
  return static_cast<size_t>(segment[at] << 8 | segment[at + 1]);
}

}  // namespace

void AnswerStream::begin(uint32_t first) {
  *this = {};
  next_ = first;
}

// A connection that is older than we are is taken up where a message begins.
bool AnswerStream::find_place(uint32_t sequence, std::span<const uint8_t> segment) {
  if (next_ && distance(*next_, sequence) <= (half_ ? 1 : 0)) return true;
  if (segment.size() < 2 + kHeader || !question_of_answer(segment.subspan(2))) return false;
  half_.reset();
  next_ = sequence;
  return true;
}

void AnswerStream::note(size_t length) {
  starts_.push_back({*next_ + 2, length});
  if (starts_.size() > kRemembered) starts_.pop_front();
  *next_ += 2 + static_cast<uint32_t>(length);
}

void AnswerStream::walk(uint32_t sequence, std::span<const uint8_t> segment) {
  if (half_ && distance(sequence, *next_) == -1) note(static_cast<size_t>(*half_ << 8 | segment[0]));
  half_.reset();
  for (int32_t at; (at = distance(sequence, *next_)) >= 0 && static_cast<size_t>(at) < segment.size();) {
    auto place = static_cast<size_t>(at);
    if (place + 1 == segment.size()) {
      half_ = segment[place];
      return;
    }
    note(length_at(segment, place));
  }
}

std::optional<std::vector<AnswerStream::Message>> AnswerStream::read(uint32_t sequence,
                                                                     std::span<const uint8_t> segment) {
  std::vector<Message> messages;
  if (segment.empty()) return messages;
  if (!find_place(sequence, segment)) return std::nullopt;
  bool new_ground = distance(*next_, sequence + static_cast<uint32_t>(segment.size())) > 0;
  if (new_ground) walk(sequence, segment);
  for (Start& start : starts_) {
    int32_t at = distance(sequence, start.at);
    if (at < 0 || static_cast<size_t>(at) >= segment.size()) continue;
    messages.push_back({static_cast<size_t>(at), start.length, start.read});
    start.read = true;
  }
  return messages;
}

}  // namespace ordeal::packets::dns
