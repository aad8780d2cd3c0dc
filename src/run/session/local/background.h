// Background: one call that blocks, made on a thread of its own so that the other sessions of a loop go on.
// descriptor() can be read once it has returned. Destroying it waits for the call.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <system_error>
#include <utility>

#include "core/base/io/unique_fd.h"

namespace ordeal::session {

template <typename T>
class Background {
 public:
  // The call has what it works on to itself until take(). Without a descriptor or a thread left it is made here.
  template <typename Call>
  explicit Background(Call call) : done_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    auto then_wake = [this, call = std::move(call)] {
      T result = call();
      ::eventfd_write(done_.get(), 1);
      return result;
    };
    try {
      result_ = std::async(done_ ? std::launch::async : std::launch::deferred, then_wake);
    } catch (const std::system_error&) {
      result_ = std::async(std::launch::deferred, then_wake);
    }
    if (result_.wait_for(std::chrono::seconds(0)) == std::future_status::deferred) result_.wait();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  int descriptor() const { return done_.get(); }
  bool returned() const { return result_.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }
  T take() { return result_.get(); }

 private:
  UniqueFd done_;
  std::future<T> result_;
};

}  // namespace ordeal::session
