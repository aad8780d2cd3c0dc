// The lines of a chart: samples as lines that break where there is no data, thinned to what a screen can show.
// Thinning keeps the least and the greatest value of each slice of time, so no peak is lost.
#pragma once

#include <vector>

#include "run/report/summary.h"

namespace ordeal::report {

struct Point {
  BootTime at;
  double value = 0;
  bool operator==(const Point&) const = default;
};
using Line = std::vector<Point>;

struct Gap {
  BootTime begin, end;
};

// A sample without a value breaks the line, and so does a silence of more than a second and three usual intervals.
std::vector<Line> lines_of(const std::vector<Sample>& samples);
// At most `points` points in all; lines that are nearer to each other than a slice become one.
std::vector<Line> thin(const std::vector<Line>& lines, size_t points);
// Between the lines, and from `begin` and to `end` when nothing was read there although samples were taken.
std::vector<Gap> gaps_of(const std::vector<Sample>& samples, const std::vector<Line>& lines);

}  // namespace ordeal::report
