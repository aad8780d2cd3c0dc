#include "run/report/html/series.h"

#include <algorithm>

namespace ordeal::report {
namespace {

Nanos usual_interval(const std::vector<Sample>& samples) {
  if (samples.size() < 2) return 0s;
  std::vector<Nanos> intervals;
  for (size_t i = 1; i < samples.size(); ++i) intervals.push_back(samples[i].at - samples[i - 1].at);
  auto middle = intervals.begin() + static_cast<ptrdiff_t>(intervals.size() / 2);
  std::nth_element(intervals.begin(), middle, intervals.end());
  return *middle;
}

// The least and the greatest of one slice, in their order of time.
void put_extremes(Line& line, const Line& slice) {
  if (slice.empty()) return;
  auto [low, high] =
      std::minmax_element(slice.begin(), slice.end(), [](auto& a, auto& b) { return a.value < b.value; });
  if (low == high) return line.push_back(*low);
  line.push_back(std::min(*low, *high, [](auto& a, auto& b) { return a.at < b.at; }));
  line.push_back(std::max(*low, *high, [](auto& a, auto& b) { return a.at < b.at; }));
}

}  // namespace

std::vector<Line> lines_of(const std::vector<Sample>& samples) {
  Nanos silence = std::max<Nanos>(1s, usual_interval(samples) * 3);
  std::vector<Line> lines;
  const Sample* last = nullptr;
  for (const Sample& sample : samples) {
    if (sample.value) {
      if (!last || !last->value || sample.at - last->at > silence) lines.emplace_back();
      lines.back().push_back({sample.at, *sample.value});
    }
    last = &sample;
  }
  return lines;
}

std::vector<Line> thin(const std::vector<Line>& lines, size_t points) {
  size_t total = 0;
  for (const Line& line : lines) total += line.size();
  if (total <= points || points < 2) return lines;
  BootTime begin = lines.front().front().at;
  Nanos slice_length = (lines.back().back().at - begin) / static_cast<Nanos::rep>(points / 2) + 1ns;
  std::vector<Line> thinned;
  Line slice;
  Nanos::rep slice_number = -1;
  for (const Line& line : lines) {
    for (const Point& point : line) {
      Nanos::rep number = (point.at - begin) / slice_length;
      if (number != slice_number) {
        if (!slice.empty()) put_extremes(thinned.back(), slice);
        slice.clear();
        if (thinned.empty() || &point == &line.front()) thinned.emplace_back();
        slice_number = number;
      }
      slice.push_back(point);
    }
  }
  put_extremes(thinned.back(), slice);
  return thinned;
}

std::vector<Gap> gaps_of(const std::vector<Sample>& samples, const std::vector<Line>& lines) {
  std::vector<Gap> gaps;
  if (samples.empty()) return gaps;
  BootTime from = samples.front().at;
  for (const Line& line : lines) {
    if (line.front().at > from) gaps.push_back({from, line.front().at});
    from = line.back().at;
  }
  if (samples.back().at > from) gaps.push_back({from, samples.back().at});
  return gaps;
}

}  // namespace ordeal::report
