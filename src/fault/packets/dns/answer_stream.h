// AnswerStream: where DNS messages begin in the segments of one TCP connection from a resolver (each has its length
// before it, in two bytes; several may share a segment, and one may take several). Pure. A segment that is sent again
// gives the same messages again, so that it is changed in the same way. What comes out of order is not read.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace ordeal::packets::dns {

class AnswerStream {
 public:
  static constexpr size_t kLengthBytes = 2;  // before each message

  struct Message {
    size_t at = 0;      // of its first byte behind the length, in the segment
    size_t length = 0;  // of the whole message
    bool again = false;
  };

  void begin(uint32_t first);  // the sequence number of the first byte
  // The messages that begin in this segment. Nothing when it cannot be told.
  std::optional<std::vector<Message>> read(uint32_t sequence, std::span<const uint8_t> segment);

 private:
  struct Start {
    uint32_t at = 0;  // sequence number behind the length
    size_t length = 0;
    bool read = false;
  };
  bool find_place(uint32_t sequence, std::span<const uint8_t> segment);
  void walk(uint32_t sequence, std::span<const uint8_t> segment);
  void note(size_t length);

  std::optional<uint32_t> next_;  // where the next length is
  std::optional<uint8_t> half_;   // of that length
  std::deque<Start> starts_;
};

}  // namespace ordeal::packets::dns
