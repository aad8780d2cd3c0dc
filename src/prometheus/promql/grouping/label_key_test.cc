// What a storage's index and its word on names save must not show: a storage without them gives the same results.
#include <gtest/gtest.h>

#include "prometheus/promql/eval/testing.h"

namespace ordeal::promql {
namespace {

using testing::ask;

class Plain : public Storage {
 public:
  explicit Plain(const Storage& storage) : storage_(storage) {}
  Selection select(std::span<const Matcher> matchers) const override {
    return {storage_.select(matchers).series, false, nullptr, {}};
  }

 private:
  const Storage& storage_;
};

void fill_with(SeriesStore& store, const std::string& metric, size_t more_labels) {
  for (int i = 0; i < 60; ++i) {
    std::vector<Labels::Pair> pairs{{"__name__", metric},
                                    {"code", i % 3 == 0   ? "500"
                                             : i % 3 == 1 ? "200"
                                                          : ""},
                                    {"le", std::vector<const char*>{"0.1", "1", "+Inf", "1.0", "x"}[i % 5]},
                                    {"pod", std::to_string(i / 5)}};
    for (size_t k = 0; k < more_labels; ++k)
      pairs.emplace_back("more" + std::to_string(k), std::to_string(i % (k + 1)));
    Labels labels(std::move(pairs));
    for (int step = 0; step < 10; ++step) store.append(labels, step * 1000, step * (1 + i % 7) + i % 5);
  }
}

TEST(Keys, AreTheSameWithAnIndexAndWithout) {
  SeriesStore store;
  fill_with(store, "a_total", 0);
  fill_with(store, "b_bucket", 3);
  fill_with(store, "wide_total", 20);  // more labels than an index has
  Plain plain(store);
  for (std::string metric : {"a_total", "b_bucket", "wide_total", "{__name__=~\"a_total|b_bucket\"}"}) {
    for (std::string query :
         {"sum by (code) (rate(M[5s]))", "sum by (pod, absent) (M)", "count without (le) (M)", "max without () (M)",
          "topk by (code) (2, M)", "sum by (__name__, code) (rate(M[5s]))", "sum by (__name__) (M)",
          "histogram_quantile(0.9, rate(M[5s]))", "histogram_quantile(0.9, M)", "histogram_fraction(0, 1, abs(M))",
          "M and on (pod) (M > 20)", "M / on (pod, le, code, more1) group_left sum by (pod, le, code, more1) (M)",
          "sum by (pod) (M{code=~\"5..\"}) / ignoring (code) sum by (pod) (M)", "M unless ignoring (le) (M == 3)",
          "label_replace(M, \"code\", \"$1\", \"pod\", \"(.).*\")", "max_over_time(sum by (code) (M)[5s:1s])"}) {
      for (size_t at = query.find('M'); at != query.npos; at = query.find('M', at + metric.size()))
        query.replace(at, 1, metric);
      for (bool delayed : {false, true}) {
        std::string result = ask(store, query, 9000, {.delayed_name_removal = delayed});
        EXPECT_EQ(result, ask(plain, query, 9000, {.delayed_name_removal = delayed})) << query;
      }
    }
  }
  EXPECT_NE(ask(store, "sum by (code) (rate(a_total[5s]))", 9000), "no data");
}

}  // namespace
}  // namespace ordeal::promql
