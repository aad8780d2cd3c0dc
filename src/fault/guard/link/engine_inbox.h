// EngineInbox: what the engine has asked of its guard, in the order in which it matters. A long step must not keep a
// renewal, a revert or the engine's end waiting behind the applies that were sent before: those are taken one by one.
#pragma once

#include <deque>
#include <optional>

#include "core/base/result.h"
#include "fault/guard/link/messages.h"

namespace ordeal::guard {

class EngineInbox {
 public:
  // Reads everything that has come; false once the engine is gone. An error: what came is not understood.
  Result<bool> fill(int fd);
  // Nothing when nothing is left.
  std::optional<ToGuard> next();
  bool empty() const { return urgent_.empty() && applies_.empty(); }

 private:
  std::deque<ToGuard> urgent_;
  std::deque<ToGuard> applies_;
};

}  // namespace ordeal::guard
