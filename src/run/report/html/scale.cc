#include "run/report/html/scale.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace ordeal::report {

std::vector<double> nice_ticks(double low, double high, size_t most) {
  double raw = (high - low) / static_cast<double>(std::max<size_t>(most, 1));
  double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double candidate : {1.0, 2.0, 2.5, 5.0})
    if (candidate * power >= raw * (1 - 1e-9)) {
      step = candidate * power;
      break;
    }
  double first = std::floor(low / step + 1e-9), last = std::ceil(high / step - 1e-9);
  // Rounding outwards can add one step more than asked.
  if (last - first > static_cast<double>(most))
    return nice_ticks(first * step, first * step + (last - first) * step, most);
  std::vector<double> ticks;
  for (double i = first; i <= last; ++i) ticks.push_back(i * step);
  return ticks;
}

std::vector<Nanos> time_ticks(Nanos length, size_t most) {
  constexpr std::array<Nanos, 18> kSteps{100ms, 200ms, 500ms, 1s,   2s,   5s,    10s,   15s,   30s,
                                         60s,   120s,  300s,  600s, 900s, 1800s, 3600s, 7200s, 21600s};
  Nanos step = kSteps.back();
  for (Nanos candidate : kSteps)
    if (length / candidate <= static_cast<Nanos::rep>(most)) {
      step = candidate;
      break;
    }
  while (length / step > static_cast<Nanos::rep>(most)) step *= 2;
  std::vector<Nanos> ticks;
  for (Nanos at{0}; at <= length; at += step) ticks.push_back(at);
  return ticks;
}

std::string format_elapsed(Nanos elapsed) {
  int64_t whole = std::max<int64_t>(0, std::chrono::duration_cast<seconds>(elapsed).count());
  if (whole >= 3600) return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

std::vector<std::string> elapsed_labels(const std::vector<Nanos>& ticks) {
  bool whole = std::all_of(ticks.begin(), ticks.end(), [](Nanos tick) { return tick % 1s == Nanos(0); });
  std::vector<std::string> labels;
  for (Nanos tick : ticks)
    labels.push_back(whole ? format_elapsed(tick) : fmt::format("{:g}\u00a0s", to_seconds(tick)));
  return labels;
}

}  // namespace ordeal::report
