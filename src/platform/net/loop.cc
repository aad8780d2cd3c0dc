#include "platform/net/loop.h"

#include <fcntl.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>

#include "core/base/defer.h"

namespace ordeal::net {

namespace asio = boost::asio;
using Descriptor = asio::posix::stream_descriptor;
using ErrorCode = boost::system::error_code;

struct Loop::Impl {
  asio::io_context context{1};
  asio::signal_set signals{context};
  std::function<void()> on_terminate;
  struct Watched {
    int fd;
    std::function<void()> function;
    Descriptor descriptor;
  };
  std::list<Watched> watched;
  size_t tasks = 0;

  // Signals and watched descriptors wait for ever; when the last coroutine ends they are let go, and run() returns.
  void task_ended() {
    if (--tasks > 0) return;
    signals.cancel();
    for (auto& each : watched) each.descriptor.cancel();
  }
  void wait_signal() {
    signals.async_wait([this](ErrorCode error, int) {
      if (error) return;
      if (auto function = std::exchange(on_terminate, nullptr)) {
        function();
        if (tasks > 0) wait_signal();
      } else {
        context.stop();
      }
    });
  }
  void wait_watched(Watched& each) {
    each.descriptor.async_wait(Descriptor::wait_read, [this, &each](ErrorCode error) {
      if (error) return;
      each.function();
      if (tasks > 0) wait_watched(each);
    });
  }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;

void Loop::run() { impl_->context.run(); }
void Loop::stop() { impl_->context.stop(); }
void Loop::post(std::function<void()> function) { asio::post(impl_->context, std::move(function)); }
asio::io_context& Loop::context() { return impl_->context; }

void Loop::spawn(std::function<Task<>()> coroutine) {
  ++impl_->tasks;
  asio::co_spawn(impl_->context, std::move(coroutine), [impl = impl_.get()](std::exception_ptr error) {
    impl->task_ended();
    if (error) std::rethrow_exception(error);
  });
}

void Loop::on_terminate(std::function<void()> function) {
  impl_->on_terminate = std::move(function);
  impl_->signals.add(SIGINT);
  impl_->signals.add(SIGTERM);
  impl_->wait_signal();
}

void Loop::watch(int fd, std::function<void()> function) {
  // A duplicate, since Asio's descriptor closes what it holds.
  Descriptor descriptor(impl_->context, fcntl(fd, F_DUPFD_CLOEXEC, 0));
  auto& each = impl_->watched.emplace_back(Impl::Watched{fd, std::move(function), std::move(descriptor)});
  impl_->wait_watched(each);
}

Task<> Loop::sleep(Nanos duration) {
  asio::steady_timer timer(impl_->context, duration);
  co_await timer.async_wait(asio::use_awaitable);
}

Task<bool> Loop::wait(int fd, Ready ready, Nanos timeout) {
  Descriptor descriptor(impl_->context, fcntl(fd, F_DUPFD_CLOEXEC, 0));
  asio::steady_timer timer(impl_->context, timeout);
  timer.async_wait([&descriptor](ErrorCode error) {
    if (!error) descriptor.cancel();
  });
  auto what = ready == Ready::kRead ? Descriptor::wait_read : Descriptor::wait_write;
  ErrorCode error;
  co_await descriptor.async_wait(what, asio::redirect_error(asio::use_awaitable, error));
  // A timer that has just expired still holds a handler with a reference to our descriptor: let it run first.
  if (timer.cancel() == 0) co_await asio::post(impl_->context, asio::use_awaitable);
  co_return !error;
}

struct Signal::Impl {
  explicit Impl(Loop& l) : loop(l) {}
  struct Waiting {
    explicit Waiting(asio::steady_timer t) : timer(std::move(t)) {}
    asio::steady_timer timer;
    bool notified = false;
  };
  Loop& loop;
  std::list<Waiting> waiting;
};

Signal::Signal(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}
Signal::~Signal() { notify(); }

void Signal::notify() {
  for (auto& each : impl_->waiting) {
    each.notified = true;
    each.timer.cancel();
  }
}

Task<bool> Signal::wait(Nanos timeout) {
  auto impl = impl_;
  auto never = asio::steady_timer::time_point::max();
  auto until = timeout == Nanos::max() ? never : std::chrono::steady_clock::now() + timeout;
  auto mine = impl->waiting.emplace(impl->waiting.end(), asio::steady_timer(impl->loop.context(), until));
  Defer leave([&] { impl->waiting.erase(mine); });
  ErrorCode error;
  co_await mine->timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return mine->notified;
}

}  // namespace ordeal::net
