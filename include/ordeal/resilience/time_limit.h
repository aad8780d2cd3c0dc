// TimeLimit: a deadline, not a thread. It tells the function how long it has (Call::deadline); the function must keep
// to it, and nothing is abandoned. A result that comes after the deadline is a time-limit error, whatever it was; one
// at the very deadline is in time. In a coroutine, asio.h cancels the work at the deadline.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience {

template <Clock C = SteadyClock>
class TimeLimit {
 public:
  // limit: above 0. The name is of its metrics.
  explicit TimeLimit(Duration limit, C clock = {}) : TimeLimit(limit, "time_limit", std::move(clock)) {}
  TimeLimit(Duration limit, std::string name, C clock = {})
      : limit_(limit), name_(std::move(name)), clock_(std::move(clock)) {
    if (limit <= Duration::zero()) detail::require_valid(describe(), "it must be above 0");
  }

  static constexpr PolicyKind kKind = PolicyKind::kTimeLimit;
  Duration limit() const { return limit_; }
  const std::string& name() const { return name_; }
  std::string describe() const { return "time limit " + detail::seconds_text(limit_); }
  // Calls that it, and no limit further out, made time-limit errors of; copies count together, and share the number.
  std::shared_ptr<const std::atomic<uint64_t>> exceeded() const { return exceeded_; }
  void count() const { exceeded_->fetch_add(1, std::memory_order_relaxed); }

  template <class R, class Next>
  R run(Call& call, Next&& next) {
    TimePoint outer = call.deadline;
    call.deadline = std::min(outer, later(exact_time(clock_), limit_));
    R result = next(call);
    bool late = exact_time(clock_) > call.deadline;
    if (late && call.deadline < outer) count();
    call.deadline = outer;
    if (late) return ResultTraits<R>::make(Error{Error::Kind::kTimeLimit, {}, nullptr});
    return result;
  }

 private:
  Duration limit_;
  std::string name_;
  std::shared_ptr<std::atomic<uint64_t>> exceeded_ = std::make_shared<std::atomic<uint64_t>>(0);
  [[no_unique_address]] C clock_;
};

TimeLimit(Duration)->TimeLimit<SteadyClock>;

}  // namespace ordeal::resilience
