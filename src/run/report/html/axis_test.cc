#include "run/report/html/axis.h"

#include <gtest/gtest.h>

#include <set>

namespace ordeal::report {
namespace {

Axis axis_of(const std::vector<double>& values, std::optional<double> limit = {}, const std::string& unit = "s") {
  Line line;
  for (double value : values) line.push_back({BootTime(Nanos(seconds(static_cast<int64_t>(line.size())))), value});
  std::optional<Threshold> threshold;
  if (limit) threshold = Threshold{"<", *limit};
  return Axis(line.empty() ? std::vector<Line>{} : std::vector<Line>{line}, threshold, unit, 4);
}

TEST(Axis, NeverRepeatsALabelAndRises) {
  const std::vector<std::vector<double>> kSeries{{},           {0},     {1, 1, 1},   {0.005, 0.025}, {1000.1, 1000.2},
                                                 {1e-9, 2e-9}, {-3, 4}, {0.0001, 5}, {100.2, 100.4}, {1e9, 1}};
  for (const std::vector<double>& series : kSeries)
    for (std::optional<double> limit :
         {std::optional<double>{}, std::optional<double>(0.25), std::optional<double>(1e4)})
      for (const char* unit : {"s", "ratio", "bytes", "", "things"}) {
        Axis axis = axis_of(series, limit, unit);
        std::set<std::string> labels;
        double last = -1;
        for (const AxisTick& tick : axis.ticks()) {
          EXPECT_TRUE(labels.insert(tick.label).second) << tick.label;
          EXPECT_GT(axis.share(tick.value), last) << tick.label;
          last = axis.share(tick.value);
        }
        EXPECT_GE(axis.ticks().size(), 2u);
        EXPECT_LE(axis.ticks().size(), 6u);
        EXPECT_EQ(axis.share(axis.ticks().front().value), 0);
        for (double value : series) EXPECT_TRUE(axis.share(value) >= 0 && axis.share(value) <= 1);
      }
}

TEST(Axis, FiveToTwentyFiveMillisecondsAreSeenBesideALimitOfASecondAndAPeakOfTen) {
  for (double peak : {0.025, 10.0}) {
    std::vector<double> values(50, 0.005);
    values.insert(values.end(), 20, 0.025);
    values.push_back(peak);
    Axis axis = axis_of(values, 1.0);
    EXPECT_TRUE(axis.logarithmic());
    EXPECT_GT(axis.share(0.025) - axis.share(0.005), 0.1) << "a tenth of the plot's height at the least";
  }
}

TEST(Axis, IsLinearWhereNothingIsMuchBeyondTheMiddle) {
  Axis axis = axis_of({0.2, 0.25, 0.9, 1.03}, 1.0);
  EXPECT_FALSE(axis.logarithmic());
  EXPECT_EQ(axis.ticks().front().label, "0\u00a0s");
  EXPECT_FALSE(axis_of({-1, 1, 100}).logarithmic()) << "what is below 0 has no logarithm";
  EXPECT_FALSE(axis_of({0, 0, 0, 0, 0.3}, 0.01, "ratio").logarithmic()) << "a share that is mostly 0";
}

TEST(Axis, SaysThatItsEdgeIsNoZero) {
  EXPECT_EQ(axis_of({0, 0.002, 0.002, 0.002, 1}).ticks().front().label.substr(0, 5), "≤\u00a0");
  EXPECT_EQ(axis_of({0.002, 0.002, 0.002, 1}).ticks().front().label.find("≤"), std::string::npos);
}

}  // namespace
}  // namespace ordeal::report
