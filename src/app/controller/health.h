// Health: GET /healthz (200 while the loop turns) and /readyz (200 once it knows the cluster), on a thread of its own,
// so that a loop that hangs cannot answer for itself.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace ordeal::controller {

class Health {
 public:
  // "ADDRESS:PORT".
  static Result<std::unique_ptr<Health>> create(const std::string& listen);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  // Once a turn, at least every second.
  void turned(BootTime now, bool ready);

 private:
  struct Server;
  Health();
  std::unique_ptr<Server> server_;
  std::thread thread_;
  std::atomic<int64_t> turned_{0};
  std::atomic<bool> ready_{false};
};

}  // namespace ordeal::controller
