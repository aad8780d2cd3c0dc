// TimeLimit: a deadline, not a thread. It tells the function how long it has (Call::deadline); the function must keep
// to it, and nothing is abandoned. A result that comes after the deadline is a time-limit error, whatever it was; one
// at the very deadline is in time. In a coroutine, asio.h cancels the work at the deadline.
#pragma once

#include <algorithm>

#include "ordeal/resilience/pipeline.h"

namespace ordeal::resilience {

template <Clock C = SteadyClock>
class TimeLimit {
 public:
  // limit: above 0.
  explicit TimeLimit(Duration limit, C clock = {}) : limit_(limit), clock_(std::move(clock)) {
    if (limit <= Duration::zero()) detail::require_valid(describe(), "it must be above 0");
  }

  static constexpr PolicyKind kKind = PolicyKind::kTimeLimit;
  Duration limit() const { return limit_; }
  std::string describe() const { return "time limit " + detail::seconds_text(limit_); }
  template <class R, class Next>
  R run(Call& call, Next&& next) {
    TimePoint outer = call.deadline;
    call.deadline = std::min(outer, later(clock_.now(), limit_));
    R result = next(call);
    bool late = clock_.now() > call.deadline;
    call.deadline = outer;
    if (late) return ResultTraits<R>::make(Error{Error::Kind::kTimeLimit, {}, nullptr});
    return result;
  }

 private:
  Duration limit_;
  [[no_unique_address]] C clock_;
};

TimeLimit(Duration)->TimeLimit<SteadyClock>;

}  // namespace ordeal::resilience
