// A breaker around an awaitable, with a coroutine type and a loop of twenty lines: whatever you have will do.
#include "ordeal/resilience/coroutine.h"

#include <coroutine>
#include <cstdio>
#include <deque>
#include <exception>

#include "ordeal/resilience/classify.h"

using namespace ordeal::resilience;
using namespace std::chrono_literals;

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

std::deque<std::coroutine_handle<>> loop;

// The answer comes with the loop's next turn.
struct Request {
  int status;
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> caller) { loop.push_back(caller); }
  int await_resume() { return status; }
};

Task ask(CircuitBreaker<ManualClock>& breaker, int status) {
  auto judge = classify(fail_if([](int s) { return s >= 500; }), ignore_if([](int s) { return s == 429; }));
  auto answer = co_await guarded(breaker, Request{status}, judge);
  if (answer) {
    std::printf("status %d, the breaker is %s\n", *answer, to_text(breaker.state()));
  } else {
    std::printf("not asked: %s\n", to_text(answer.error()).c_str());
  }
}

int main() {
  ManualClock clock;  // turned by hand here; leave it out for the real one
  CircuitBreaker breaker({.name = "search", .minimum_calls = 3, .open_for = 30s, .open_jitter = 0}, clock);
  for (int status : {200, 429, 503, 500, 200, 200}) {
    ask(breaker, status);
    clock.advance(1s);
    for (; !loop.empty(); loop.pop_front()) loop.front().resume();
  }
  clock.advance(30s);
  ask(breaker, 200);
  for (; !loop.empty(); loop.pop_front()) loop.front().resume();
}
