#include "fault/attacks/resource/cpu_proof.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fault/attacks/resource/burner.h"

namespace ordeal::fault {
namespace {

constexpr double kTolerancePoints = 2;
constexpr double kLeastShare = 0.25;  // of what was asked: with less the victim throttled itself

double percent_of_capacity(const CpuUse& use, double cpus) { return cpus / use.capacity * 100; }

double taken_by_quota(const CpuUse& use) {
  if (use.periods <= 0) return 0;
  return use.asked * static_cast<double>(std::min(use.throttled, use.periods)) / static_cast<double>(use.periods);
}

// No look is more exact than one period of the burner, nor than what it owed when it was first looked at.
double tolerance_points(const CpuUse& use) {
  double debt = kBurnDebtPeriods * percent_of_capacity(use, use.asked);
  return kTolerancePoints + (100 + debt) * to_seconds(kBurnPeriod) / use.seconds;
}

std::string measured(const CpuUse& use) {
  std::string text = fmt::format("{:.1f} % of {:g} CPU used for {:.1f} s", percent_of_capacity(use, use.got),
                                 use.capacity, use.seconds);
  if (use.throttled > 0)
    text += fmt::format("; {} was throttled by its quota in {} of {} periods", use.cgroup, use.throttled, use.periods);
  return text;
}

}  // namespace

Proof prove_cpu(const CpuUse& use) {
  Proof proof;
  proof.asked = use.asked * 100;
  proof.got = use.got * 100;
  proof.unit = "% of one CPU";
  proof.measured = measured(use);
  double off = percent_of_capacity(use, use.got - use.asked);
  double tolerance = tolerance_points(use);
  bool excused =
      use.got >= kLeastShare * use.asked && -off <= tolerance + percent_of_capacity(use, taken_by_quota(use));
  proof.proven = std::abs(off) <= tolerance || (off < 0 && excused);
  if (!proof.proven)
    proof.reason = fmt::format(
        "{:.1f} points off the requested {:g} %: other load is using the CPUs (a cgroup's share takes precedence over "
        "the priorities within it)",
        std::abs(off), percent_of_capacity(use, use.asked));
  return proof;
}

}  // namespace ordeal::fault
