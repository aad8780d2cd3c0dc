#include "fault/guard/link/engine_inbox.h"

#include "fault/guard/link/wire.h"

namespace ordeal::guard {
namespace {

// Applies, and the checks before them: each looks at every process.
bool takes_long(const ToGuard& message) {
  return std::holds_alternative<messages::Apply>(message) || std::holds_alternative<messages::Check>(message);
}

}  // namespace

Result<bool> EngineInbox::fill(int fd) {
  for (;;) {
    Received received = TRY(receive_message(fd));
    if (received.closed) return false;
    if (received.unreadable) return fail(Errc::kInternal, *received.unreadable);
    if (!received.message) return true;
    ToGuard message = TRY(from_message<ToGuard>(*received.message));
    (takes_long(message) ? applies_ : urgent_).push_back(std::move(message));
  }
}

std::optional<ToGuard> EngineInbox::next() {
  auto& from = urgent_.empty() ? applies_ : urgent_;
  if (from.empty()) return std::nullopt;
  ToGuard message = std::move(from.front());
  from.pop_front();
  return message;
}

}  // namespace ordeal::guard
