// Background: one call that blocks, made on a thread of its own so that the other sessions of a loop go on.
// descriptor() can be read once it has returned. Destroying it waits for the call.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "core/base/io/unique_fd.h"

namespace ordeal::session {

template <typename T>
class Background {
 public:
  // The call has what it works on to itself until take(). Without a descriptor or a thread left it is made here.
  template <typename Call>
  explicit Background(Call call) : done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    try {
      if (done_) thread_ = std::thread([this, call] { make(call); });
    } catch (const std::system_error&) {
    }
    if (!thread_.joinable()) make(call);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() {
    if (thread_.joinable()) thread_.join();
  }

  int descriptor() const { return done_.get(); }
  bool returned() const { return returned_.load(std::memory_order_acquire); }
  // Once it has returned.
  T take() { return std::move(*result_); }

 private:
  template <typename Call>
  void make(const Call& call) {
    result_.emplace(call());
    returned_.store(true, std::memory_order_release);
    ::eventfd_write(done_.get(), 1);
  }

  UniqueFd done_;
  std::optional<T> result_;
  std::atomic<bool> returned_{false};
  std::thread thread_;
};

}  // namespace ordeal::session
