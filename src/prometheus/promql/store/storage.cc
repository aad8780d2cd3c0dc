#include "prometheus/promql/store/storage.h"

#include <fmt/format.h>

#include <algorithm>

namespace ordeal::promql {

std::span<const Sample> Series::between(int64_t from_ms, int64_t to_ms) const {
  auto after = [](int64_t ms, const Sample& sample) { return ms < sample.ms; };
  auto end = samples.empty() || samples.back().ms <= to_ms
                 ? samples.end()
                 : std::upper_bound(samples.begin(), samples.end(), to_ms, after);
  return {std::upper_bound(samples.begin(), end, from_ms, after), end};
}

std::string value_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value == std::floor(value) && std::abs(value) < 1e15 ? value + 0.0 : value);
}

}  // namespace ordeal::promql
