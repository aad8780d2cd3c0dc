#include "platform/net/events/event.h"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "core/base/text/text.h"

namespace ordeal::net {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr std::string_view kLineEnds = "\r\n";

// Each line as a field of its own; "" is one empty line.
std::string fields(std::string_view name, std::string_view text) {
  std::string out;
  while (true) {
    size_t end = std::min(text.find_first_of(kLineEnds), text.size());
    out += fmt::format("{}: {}\n", name, text.substr(0, end));
    if (end == text.size()) return out;
    text.remove_prefix(end + (text.substr(end, 2) == kLineEnds ? 2 : 1));
  }
}

}  // namespace

// Holds back what may be the beginning of a byte order mark, and drops a whole one.
std::string_view EventParser::without_mark(std::string_view bytes) {
  while (!begun_ && !bytes.empty()) {
    if (bytes.front() != kMark[mark_seen_]) {
      line_ = kMark.substr(0, mark_seen_);
      begun_ = true;
      break;
    }
    bytes.remove_prefix(1);
    begun_ = ++mark_seen_ == kMark.size();
  }
  return bytes;
}

void EventParser::feed(std::string_view bytes) {
  bytes = without_mark(bytes);
  while (!bytes.empty() && !too_large_) {
    if (std::exchange(after_cr_, false) && bytes.front() == '\n') {
      bytes.remove_prefix(1);
      continue;
    }
    size_t end = std::min(bytes.find_first_of(kLineEnds), bytes.size());
    line_.append(bytes.substr(0, end));
    too_large_ = line_.size() + data_.size() > most_;
    if (end == bytes.size() || too_large_) break;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line();
  }
  if (too_large_) std::string().swap(line_), std::string().swap(data_);
}

void EventParser::end_line() {
  std::string line;
  line.swap(line_);
  if (line.empty()) return end_event();
  std::string_view text = line;
  size_t colon = std::min(text.find(':'), text.size());
  std::string_view value = colon < text.size() ? text.substr(colon + 1) : std::string_view();
  if (value.starts_with(' ')) value.remove_prefix(1);
  take_field(text.substr(0, colon), value);
}

// A comment is a field without a name.
void EventParser::take_field(std::string_view name, std::string_view value) {
  if (name == "data") {
    data_.append(value).push_back('\n');
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    id_ = value;
  } else if (name == "retry" && std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    if (auto millis = parse_number<uint32_t>(value)) retry_ = std::chrono::milliseconds(*millis);
  }
}

void EventParser::end_event() {
  std::string data = std::exchange(data_, {});
  std::string type = std::exchange(type_, {});
  if (data.empty()) return;
  data.pop_back();
  ready_.push_back({type.empty() ? "message" : std::move(type), std::move(data), id_});
}

std::optional<ServerEvent> EventParser::next() {
  if (ready_.empty()) return std::nullopt;
  ServerEvent event = std::move(ready_.front());
  ready_.pop_front();
  return event;
}

Result<std::string> event_text(const ServerEvent& event) {
  if (event.type.find_first_of(kLineEnds) != std::string::npos)
    return fail(Errc::kInvalidInput, "the type of an event holds a line break");
  if (event.id.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
    return fail(Errc::kInvalidInput, "the id of an event holds a line break or a NUL");
  std::string text;
  if (!event.id.empty()) text += fields("id", event.id);
  if (!event.type.empty() && event.type != "message") text += fields("event", event.type);
  return text + fields("data", event.data) + "\n";
}

std::string comment_text(std::string_view comment) { return fields("", comment) + "\n"; }

std::string retry_text(std::chrono::milliseconds wait) { return fmt::format("retry: {}\n\n", wait.count()); }

}  // namespace ordeal::net
