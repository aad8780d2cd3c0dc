// A body of /metrics never crashes the parser, and the samples that it yields are written and read back equal.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "prometheus/metrics/exposition.h"

namespace {

using namespace ordeal::metrics;

// Any NaN is as good as another.
bool same(const Sample& a, const Sample& b) {
  bool values = a.value == b.value || (a.value != a.value && b.value != b.value);
  return values && a.labels == b.labels && a.timestamp_ms == b.timestamp_ms;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  Exposition read = parse_exposition(body, data[0] % 2 ? Format::kText : Format::kOpenMetrics);
  Exposition again = parse_exposition(write_exposition({{"f", Type::kUnknown, "", read.samples}}), Format::kText);
  if (again.bad_lines > 0 || again.samples.size() != read.samples.size()) __builtin_trap();
  for (size_t i = 0; i < read.samples.size(); ++i) {
    if (!same(read.samples[i], again.samples[i])) __builtin_trap();
  }
  return 0;
}
