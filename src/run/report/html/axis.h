// The vertical axis of a chart: where a value stands on it, and its labels, of which no two are the same.
// Rule of the scale: linear, with 0 on it, unless the greatest of readings and limit is more than ten times the middle
// reading (of those above 0, where none is below it). Then it is logarithmic, so that 5 ms to 25 ms is seen beside a
// limit of 1 s; what is below its least value, as 0 always is, lies on its lower edge, whose label says "≤".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "run/report/html/series.h"

namespace ordeal::report {

struct AxisTick {
  double value = 0;
  std::string label;
};

class Axis {
 public:
  // At most `most` + 1 ticks.
  Axis(const std::vector<Line>& lines, const std::optional<Threshold>& limit, const std::string& unit, size_t most);

  // 0 at the lower edge to 1 at the upper one; what is beyond lies on the edge.
  double share(double value) const;
  bool logarithmic() const { return logarithmic_; }
  const std::vector<AxisTick>& ticks() const { return ticks_; }  // the first is the lower edge

 private:
  void make_linear(double low, double high, const std::string& unit, size_t most);
  void make_logarithmic(double low, double high, const std::string& unit, size_t most);

  bool logarithmic_ = false;
  double low_ = 0, high_ = 1;
  std::vector<AxisTick> ticks_;
};

}  // namespace ordeal::report
