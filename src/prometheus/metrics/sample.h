// What the exposition formats carry: samples and the types of their families. No I/O, no history.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ordeal::metrics {

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

enum class Type { kUnknown, kCounter, kGauge, kHistogram, kSummary, kInfo, kStateSet, kGaugeHistogram };
// "counter", ...; kUnknown is "untyped" in text 0.0.4 and "unknown" in OpenMetrics.
std::string_view type_name(Type type);
std::optional<Type> type_named(std::string_view name);

struct Sample {
  LabelPairs labels;  // sorted by name, __name__ among them
  double value = 0;
  std::optional<int64_t> timestamp_ms;
  bool operator==(const Sample&) const = default;
};

struct Family {
  std::string name;
  Type type = Type::kUnknown;
  std::string help;
  std::vector<Sample> samples;
};

}  // namespace ordeal::metrics
