// Loop: one thread's event loop (Asio's io_context behind a narrow header), for programs made of coroutines.
// run() returns when the last coroutine has ended (signals and watched descriptors are then let go) or after stop().
// Only stop() and post() may be called from other threads.
// g++ 12 miscompiles `if (co_await f(a_temporary))`: name the arguments, and put the result in a variable first.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <memory>

#include "core/base/clock.h"

namespace boost::asio {
class io_context;
}

namespace ordeal::net {

template <typename T = void>
using Task = boost::asio::awaitable<T>;

class Loop {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  void run();
  void stop();
  void post(std::function<void()> function);
  // Starts a coroutine. An exception that leaves it comes out of run().
  void spawn(std::function<Task<>()> coroutine);
  // Calls `function` at the first SIGINT or SIGTERM, stop() at the second.
  void on_terminate(std::function<void()> function);

  // Calls `function` whenever `fd` is readable, until the loop ends. The fd stays the caller's and must outlive the
  // loop's run.
  void watch(int fd, std::function<void()> function);

  Task<> sleep(Nanos duration);
  enum class Ready { kRead, kWrite };
  // False after `timeout`.
  Task<bool> wait(int fd, Ready ready, Nanos timeout);

  boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Wakes the coroutines that wait for it. What was notified before somebody waits is forgotten: look first, then wait.
// On the loop's thread only.
class Signal {
 public:
  explicit Signal(Loop& loop);
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal();

  void notify();
  // False when `timeout` passed first.
  Task<bool> wait(Nanos timeout = Nanos::max());

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace ordeal::net
