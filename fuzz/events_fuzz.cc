// Server-sent events and lines as a stranger may send them: how the text was cut makes no difference, and what was read
// is read the same after it was written again.
#include <cstdlib>

#include "platform/net/events/event.h"
#include "platform/net/events/lines.h"

using namespace ordeal::net;

namespace {

struct Read {
  std::string shown;
  std::vector<ServerEvent> events;
};

template <typename Take>
void cut(std::string_view text, size_t piece, Take take) {
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) take(text.substr(0, piece));
}

Read read_events(std::string_view text, size_t piece, size_t most = 1000) {
  EventParser parser(most);
  Read read;
  cut(text, piece, [&](std::string_view bytes) {
    parser.feed(bytes);
    while (auto event = parser.next()) {
      read.shown += event->type + "|" + event->data + "|" + event->id + "\n";
      read.events.push_back(std::move(*event));
    }
  });
  // Where it is too large depends on what came before the bound in the same piece.
  if (parser.too_large()) return {};
  read.shown += parser.last_id() + (parser.retry() ? std::to_string(parser.retry()->count()) : "");
  return read;
}

std::string read_lines(std::string_view text, size_t piece) {
  LineSplitter splitter(100);
  std::string shown;
  cut(text, piece, [&](std::string_view bytes) {
    splitter.feed(bytes);
    while (auto line = splitter.next()) shown += std::string(*line) + "|";
  });
  return shown + (splitter.too_long() ? "too long" : splitter.take_rest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  size_t piece = 1 + data[0] % 16;
  Read whole = read_events(text, text.size() + 1);
  Read pieces = read_events(text, piece);
  if (!whole.shown.empty() && !pieces.shown.empty() && whole.shown != pieces.shown) abort();
  if (read_lines(text, text.size() + 1) != read_lines(text, piece)) abort();
  for (const ServerEvent& event : whole.events) {
    auto written = event_text(event);
    if (!written) abort();
    Read again = read_events(*written, piece, 1'000'000);
    if (again.events.size() != 1 || again.events[0].data != event.data || again.events[0].type != event.type) abort();
  }
  return 0;
}
