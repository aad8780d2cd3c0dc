#include "judge/cusum.h"

#include <algorithm>
#include <cmath>

namespace ordeal::judge {
namespace {

constexpr double kTimesAllowed[] = {2, 5, 12};
constexpr double kMostShare = 0.6;
constexpr double kPartsOfTheRest[] = {0.3, 0.6};

}  // namespace

std::vector<double> designs_for(double allowed) {
  std::vector<double> shares;
  for (double times : kTimesAllowed) {
    double share = std::min(times * allowed, kMostShare);
    if (share > allowed && (shares.empty() || share > shares.back())) shares.push_back(share);
  }
  if (allowed < kMostShare / kTimesAllowed[0]) return shares;
  shares.clear();
  for (double part : kPartsOfTheRest) shares.push_back(allowed + part * (1 - allowed));
  return shares;
}

double alarm_bound(int64_t ticks, size_t tests, double false_alarms) {
  return std::log(static_cast<double>(std::max<int64_t>(ticks, 1)) / false_alarms) +
         std::log(static_cast<double>(std::max<size_t>(tests, 1)));
}

CusumBank::CusumBank(double allowed, double dispersion) {
  for (double share : designs_for(allowed))
    tests_.push_back(
        {std::log(share / allowed) / dispersion, std::log((1 - share) / (1 - allowed)) / dispersion, 0, {}, {}, 0, 0});
}

double CusumBank::capped(Test& test, double step, double bound, BootTime from, BootTime to, double start) {
  if (to - from >= kBurst || step <= 0) return step;
  if (test.sum <= start || to - test.burst > kBurst)
    test.burst = from, test.added = 0, test.most = kMostOfABurst * (bound - start);
  step = std::min(step, test.most - test.added);
  test.added += step;
  return step;
}

bool CusumBank::add(double bad, double total, double bound, BootTime from, BootTime to, double start) {
  bool alarm = false;
  for (Test& test : tests_) {
    if (test.sum <= start) test.since_zero = {0, 0, from};
    test.since_zero.bad += bad;
    test.since_zero.total += total;
    double step = bad * test.per_bad + (total - bad) * test.per_good;
    step = capped(test, step, bound, from, to, start);
    test.sum = std::max(0.0, std::max(test.sum, start) + step);
    alarm = alarm || test.sum >= bound;
  }
  return alarm;
}

void CusumBank::reset() {
  for (Test& test : tests_) test.sum = 0;
}

const CusumBank::Test& CusumBank::greatest() const {
  return *std::max_element(tests_.begin(), tests_.end(), [](const Test& a, const Test& b) { return a.sum < b.sum; });
}

double CusumBank::statistic() const { return greatest().sum; }
const CusumAlarm& CusumBank::evidence() const { return greatest().since_zero; }

}  // namespace ordeal::judge
