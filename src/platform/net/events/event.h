// Server-sent events as text (WHATWG HTML, "Server-sent events", https://html.spec.whatwg.org/#server-sent-events):
// an incremental reader and the writer. Pure: no connection, no time. Bytes that are no UTF-8 stay as they are.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace ordeal::net {

struct ServerEvent {
  std::string type = "message";
  std::string data;  // lines with LF between them
  std::string id;    // when read: the last id that the stream gave until here
};

// Reads what arrives in pieces of any size. An event that is not ended by an empty line is none. An event or a line of
// more than `most` bytes ends it: too_large() is true and nothing comes any more.
class EventParser {
 public:
  explicit EventParser(size_t most = size_t{1} << 20) : most_(most) {}

  void feed(std::string_view bytes);
  std::optional<ServerEvent> next();

  bool too_large() const { return too_large_; }
  // For the header Last-Event-ID of the next connection, once next() has given all events.
  const std::string& last_id() const { return id_; }
  // How long the server wishes to be left alone before the next connection.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  std::string_view without_mark(std::string_view bytes);
  void end_line();
  void take_field(std::string_view name, std::string_view value);
  void end_event();

  size_t most_;
  std::deque<ServerEvent> ready_;
  std::string line_;
  std::string type_, data_, id_;
  std::optional<std::chrono::milliseconds> retry_;
  size_t mark_seen_ = 0;  // bytes of the byte order mark
  bool begun_ = false;    // past the place where a byte order mark may be
  bool after_cr_ = false;
  bool too_large_ = false;
};

// kInvalidInput for a type or an id with a line break, and an id with a NUL. A CR in the data reads as a line's end.
Result<std::string> event_text(const ServerEvent& event);
// Says nothing to the reader, and keeps what lies between from taking the connection for dead.
std::string comment_text(std::string_view comment);
std::string retry_text(std::chrono::milliseconds wait);

}  // namespace ordeal::net
