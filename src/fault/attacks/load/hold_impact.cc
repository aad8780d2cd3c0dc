#include "fault/attacks/load/hold_impact.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/text/quantity.h"

namespace ordeal::fault {
namespace {

constexpr Nanos kLookEvery = 100ms;

}  // namespace

int64_t ramped(int64_t asked, Nanos ramp, Nanos since) {
  if (since >= ramp) return asked;
  return static_cast<int64_t>(static_cast<double>(asked) * to_seconds(std::max(since, Nanos(0))) / to_seconds(ramp));
}

std::optional<BootTime> HoldImpact::next_work() const {
  return ended_ || !start_ ? std::nullopt : std::optional(next_);
}

Result<> HoldImpact::work(BootTime now) {
  if (ended_) return {};
  if (auto heard = child_.listen(); !heard) {
    died_ = true;
    shortage_ = heard.error().message();
    return heard;
  }
  if (!child_.begun() || (start_ && now < next_)) return {};
  next_ = now + kLookEvery;
  if (!start_) {
    start_ = now;
    int64_t before = TRY(holding_.look(child_)).own;
    before_ = holding_.counts_itself ? 0 : before;
  }
  child_.tell(ramped(holding_.asked, holding_.ramp, now - *start_));
  return look(now);
}

bool HoldImpact::is_held(const HoldLook& seen) const {
  bool near = std::abs(static_cast<double>(got(seen) - holding_.asked)) <= holding_.tolerance;
  return near && seen.own > 0 && static_cast<double>(seen.own - seen.counted) <= holding_.tolerance;
}

Result<> HoldImpact::look(BootTime now) {
  HoldLook seen = TRY(holding_.look(child_));
  seen.own -= before_;
  if (seen.own > seen.counted) seen.shortage = "the victim's account has less than the load holds";
  bool held = is_held(seen);
  // Between two looks it was held if it was at both.
  bool due = now - *start_ > holding_.ramp + holding_.allowance;
  if (seen_at_ && (ever_ || due)) (held && held_ ? within_ : outside_) += now - *seen_at_;
  ever_ = ever_ || held;
  if (!held) shortage_ = seen.shortage;
  held_ = held;
  seen_at_ = now;
  most_ = std::max(most_, got(seen));
  last_ = std::move(seen);
  return {};
}

std::optional<BootTime> HoldImpact::let_go() {
  if (ended_ || gone_by_) return gone_by_;
  if (start_) (void)look(boot_now());
  child_.kill();
  return gone_by_ = boot_now() + holding_.patience;
}

Result<> HoldImpact::revert() {
  if (ended_) return {};
  let_go();
  ended_ = true;
  return child_.stop(holding_.patience);
}

Proof HoldImpact::proof(BootTime) const {
  HoldUse use;
  use.asked = static_cast<double>(holding_.asked);
  use.got = static_cast<double>(got(last_));
  use.most = static_cast<double>(most_);
  use.tolerance = holding_.tolerance;
  use.unit = holding_.unit;
  use.what = holding_.what;
  use.within = to_seconds(within_);
  use.outside = to_seconds(outside_);
  use.shortage = shortage_;
  if (start_)
    use.counter = fmt::format("the account there has {} in all",
                              use.unit == "bytes" ? plain_value(static_cast<double>(last_.counted), use.unit)
                                                  : fmt::format("{} {}", last_.counted, use.unit));
  Proof proof = prove_hold(use);
  if (!died_) return proof;
  proof.proven = false;
  proof.reason = shortage_;
  return proof;
}

}  // namespace ordeal::fault
