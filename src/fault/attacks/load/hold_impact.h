// HoldImpact: a load child that holds an amount of something while it is in force, at once or in a ramp, and the looks
// at what the kernel says of it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "fault/attacks/fault.h"
#include "fault/attacks/load/hold_proof.h"
#include "fault/attacks/load/load_child.h"

namespace ordeal::fault {

struct HoldLook {
  int64_t own = 0;               // what the child holds, by its own account in the kernel
  int64_t counted = 0;           // what the account of the victim says in all: never less than `own`
  std::optional<int64_t> got{};  // what the proof is about, where it is not `own`
  std::string shortage{};        // why it may not hold what was asked; asked for when it does not
};

struct Holding {
  int64_t asked = 0;
  Nanos ramp{0};
  double tolerance = 0;
  std::string unit;            // "bytes", "processes"
  bool counts_itself = false;  // what the child has before it is told anything belongs to what was asked
  std::string what;            // "resident in /shop"
  // Reads counters of the kernel only, within milliseconds.
  std::function<Result<HoldLook>(const LoadChild&)> look;
  Nanos allowance = 1s;    // that it may take to come to it, besides the ramp: afterwards what is not held is missing
  bool on_disk = false;    // to look is to ask a file system
  Nanos patience = 200ms;  // that its death may take
};

// How much is to be held so long after the start: in proportion to the time, all of it from `ramp` on.
int64_t ramped(int64_t asked, Nanos ramp, Nanos since);

class HoldImpact : public Impact {
 public:
  HoldImpact(Holding holding, LoadChild child) : holding_(std::move(holding)), child_(std::move(child)) {}

  std::vector<int> descriptors() const override { return ended_ ? std::vector<int>{} : child_.descriptors(); }
  std::optional<BootTime> next_work() const override;
  Result<> work(BootTime now) override;
  bool is_long(BootTime now) const override { return holding_.on_disk && !ended_ && child_.begun() && now >= next_; }
  std::optional<BootTime> let_go() override;
  bool is_going() const override { return !ended_ && child_.dying(); }
  Result<> revert() override;
  Proof proof(BootTime now) const override;

 private:
  Result<> look(BootTime now);
  int64_t got(const HoldLook& seen) const { return seen.got.value_or(seen.own); }
  bool is_held(const HoldLook& seen) const;

  Holding holding_;
  LoadChild child_;
  std::optional<BootTime> start_;
  BootTime next_{};
  int64_t before_ = 0;  // what the child held before it was told anything
  std::optional<BootTime> seen_at_;
  bool held_ = false;  // at the last look
  bool ever_ = false;
  HoldLook last_;
  int64_t most_ = 0;
  Nanos within_{0}, outside_{0};
  std::string shortage_;
  bool died_ = false;
  std::optional<BootTime> gone_by_;  // it was killed
  bool ended_ = false;
};

}  // namespace ordeal::fault
