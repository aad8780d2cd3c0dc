#include "fault/attacks/load/hold_proof.h"

#include <fmt/format.h>

#include "core/base/text/quantity.h"

namespace ordeal::fault {
namespace {

constexpr double kLeastHeld = 0.5;  // seconds

std::string amount(const HoldUse& use, double value) {
  return use.unit == "bytes" ? plain_value(value, use.unit) : fmt::format("{:.0f} {}", value, use.unit);
}

std::string because(const HoldUse& use) { return use.shortage.empty() ? "" : ": " + use.shortage; }

std::string reason(const HoldUse& use, const Coverage& held) {
  if (use.within <= 0)
    return fmt::format("it never came to the {} asked, at most to {}{}", amount(use, use.asked), amount(use, use.most),
                       because(use));
  if (std::string short_of = shortfall(held); !short_of.empty()) return short_of;
  return fmt::format("it was held for less than {} s; use a longer length", kLeastHeld);
}

}  // namespace

Proof prove_hold(const HoldUse& use) {
  Proof proof;
  proof.asked = use.asked;
  proof.got = use.got;
  proof.unit = use.unit;
  bool ever = use.within > 0;
  proof.measured = fmt::format("{} {}", amount(use, ever ? use.got : use.most), use.what);
  if (ever) proof.measured += fmt::format(" for {:.1f} s", use.within);
  if (!use.counter.empty()) proof.measured += "; " + use.counter;
  Coverage held{"held", use.within, use.outside, "s", {}};
  if (use.outside > 0)
    held.missing = fmt::format("for {:.1f} s it was not {}{}", use.outside, amount(use, use.asked), because(use));
  proof.coverage = {held};
  proof.proven = ever && use.within >= kLeastHeld && shortfall(held).empty();
  if (!proof.proven) proof.reason = reason(use, held);
  return proof;
}

}  // namespace ordeal::fault
