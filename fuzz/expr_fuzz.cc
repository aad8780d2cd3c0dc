// A condition never crashes, and what parses can be judged against any kind of result.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "expr/condition.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ordeal::expr;
  auto condition = Condition::parse({reinterpret_cast<const char*>(data), size});
  if (!condition) return 0;
  for (const Value& result : {Value(0.5), Value(true), Value(List{}), Value(List{1, 2, 3})}) {
    auto held = condition->holds(result);
    if (!held && held.error().message().empty()) __builtin_trap();
  }
  return 0;
}
