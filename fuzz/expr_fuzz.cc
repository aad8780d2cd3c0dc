// A condition never crashes, and what parses can be judged against any kind of result, in both languages.
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include "core/expr/condition.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ordeal;
  using namespace ordeal::expr;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  const Nanos now = std::chrono::hours(450'000);
  for (Dialect dialect : {Dialect::kOrdeal, Dialect::kArgo}) {
    auto condition = Condition::parse(text, dialect);
    if (!condition) continue;
    for (const Value& result : {Value(0.5), Value(true), Value(List{}), Value(List{2}), Value(List{1, kNaN, 3})}) {
      for (bool unwrap : {false, true}) {
        auto held = condition->holds(result, {.unwrap_single = unwrap, .now = now});
        if (!held && held.error().message().empty()) __builtin_trap();
      }
    }
  }
  (void)evaluate_time(text, now);
  return 0;
}
