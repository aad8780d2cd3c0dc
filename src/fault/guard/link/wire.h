// Messages between engine, guard and reaper: one JSON object of at most 1 MiB (some 20 000 processes) per SEQPACKET
// datagram. What they say: messages.h.
#pragma once

#include <optional>

#include "core/base/clock.h"
#include "core/base/io/unique_fd.h"
#include "core/base/result.h"
#include "core/json/value.h"

namespace ordeal::guard {

constexpr size_t kMaxMessage = 1 << 20;

Result<std::pair<UniqueFd, UniqueFd>> message_pair();

// Never blocks; kTimeout when the other side is not reading, kInvalidInput when the message is too large.
Result<> send_message(int fd, const json::Object& message);

// One datagram. Its keys are not checked.
Result<json::Object> parse_message(std::string_view text);

struct Received {
  std::optional<json::Object> message;    // nothing: there is none now
  bool closed = false;                    // the other side is gone
  std::optional<std::string> unreadable;  // it lives, and sent what is no message: why
};
// Never blocks. A message that cannot be read is no end of the connection: whoever gets one reverts at once, and goes
// on listening for how that ends.
Result<Received> receive_message(int fd);

// Waits at most `limit` for one message. kTimeout, kNotFound when the other side is gone, else why it cannot be read.
Result<json::Object> await_message(int fd, Nanos limit);

}  // namespace ordeal::guard
