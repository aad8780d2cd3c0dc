// A query never crashes; its tree prints as text that parses back to the same tree; what loads evaluates or fails.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "prometheus/promql/eval/eval.h"
#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace {

using namespace ordeal::promql;

const SeriesStore& store() {
  static const SeriesStore* kStore = [] {
    auto* made = new SeriesStore;
    for (int i = 0; i < 50; ++i) {
      made->append({{"__name__", "a"}, {"b", "c"}}, i * 1000, i);
      made->append({{"__name__", "a"}, {"b", "d"}}, i * 1000, i == 40 ? stale_nan() : 50 - i);
      made->append({{"__name__", "h_bucket"}, {"le", "1.0"}}, i * 1000, i);
      made->append({{"__name__", "h_bucket"}, {"le", "+Inf"}}, i * 1000, 2 * i);
    }
    return made;
  }();
  return *kStore;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto expr = parse({reinterpret_cast<const char*>(data), size});
  if (!expr) return 0;
  auto again = parse(print(**expr));
  if (!again || !same(**expr, **again)) __builtin_trap();
  EvalOptions options{.most_samples = 20'000};
  if (auto result = eval_instant(**expr, store(), 45'000, options)) (void)result->text();
  options.delayed_name_removal = true;
  (void)eval_instant(**expr, store(), 45'000, options);
  return 0;
}
