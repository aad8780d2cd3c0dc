#include "fault/guard/lease_table.h"

#include <algorithm>

namespace ordeal::guard {

void LeaseTable::applied(int impact, BootTime now, Nanos length) {
  if (ends_.empty()) lease_until_ = now + lease_;
  ends_[impact] = now + length;
}

void LeaseTable::awaited(int impact, BootTime now) {
  if (ends_.empty()) lease_until_ = now + lease_;
  ends_[impact] = BootTime::max();
}

void LeaseTable::renew(BootTime now) { lease_until_ = std::max(lease_until_, now + lease_); }

std::vector<LeaseTable::Due> LeaseTable::due(BootTime now) const {
  std::vector<Due> due;
  for (const auto& [impact, end] : ends_) {
    if (now >= end) {
      due.push_back({impact, Why::kLength});
    } else if (now >= lease_until_) {
      due.push_back({impact, Why::kLease});
    }
  }
  return due;
}

std::optional<BootTime> LeaseTable::next() const {
  if (ends_.empty()) return std::nullopt;
  BootTime first = lease_until_;
  for (const auto& [impact, end] : ends_) first = std::min(first, end);
  return first;
}

}  // namespace ordeal::guard
