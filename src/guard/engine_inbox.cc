#include "guard/engine_inbox.h"

#include "guard/wire.h"

namespace ordeal::guard {
namespace {

// Applies, and the checks before them: each looks at every process.
bool takes_long(const json::Object& message) {
  const json::Value* op = message.if_contains("op");
  return op && op->is_string() && (op->get_string() == "apply" || op->get_string() == "check");
}

}  // namespace

Result<bool> EngineInbox::fill(int fd) {
  for (;;) {
    Received received = TRY(receive_message(fd));
    if (received.closed) return false;
    if (received.unreadable) return fail(Errc::kInternal, *received.unreadable);
    if (!received.message) return true;
    (takes_long(*received.message) ? applies_ : urgent_).push_back(std::move(*received.message));
  }
}

std::optional<json::Object> EngineInbox::next() {
  auto& from = urgent_.empty() ? applies_ : urgent_;
  if (from.empty()) return std::nullopt;
  json::Object message = std::move(from.front());
  from.pop_front();
  return message;
}

}  // namespace ordeal::guard
