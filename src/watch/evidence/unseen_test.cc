#include "watch/evidence/unseen.h"

#include <gtest/gtest.h>

#include "prometheus/promql/store/series_store.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::watch {
namespace {

promql::SeriesStore some_store() {
  promql::SeriesStore store;
  auto add = [&](std::vector<promql::Labels::Pair> labels) {
    store.append(promql::Labels(std::move(labels)), 1000, 1);
  };
  add({{"__name__", "http_requests_total"}, {"job", "api"}, {"instance", "a:1"}, {"status", "200"}});
  add({{"__name__", "http_requests_total"}, {"job", "web"}, {"instance", "b:1"}, {"code", "200"}});
  add({{"__name__", "up"}, {"job", "api"}, {"instance", "a:1"}});
  return store;
}

TEST(Unseen, TellsASlipOfThePenFromAValueThatHasNotCome) {
  promql::SeriesStore store = some_store();
  auto announced = [](const std::string& metric) { return metric == "errors_total"; };
  struct Case {
    const char* query;
    const char* unseen;
    size_t empty = 0;
  };
  for (const Case& c : {
           Case{"sum(rate(http_requests_total{status=~\"5..\"}[1m])) / sum(rate(http_requests_total[1m]))", "", 1},
           Case{"http_requests_total", ""},
           Case{"htp_requests_total or vector(0)",
                "there is no metric htp_requests_total; the nearest is http_requests_total"},
           Case{"completely_different", "there is no metric completely_different"},
           Case{"http_requests_total{statuss=\"500\"}",
                "http_requests_total has no label statuss; the nearest is status"},
           Case{"http_requests_total{job=\"apii\"}", "http_requests_total has no job apii; the nearest is api"},
           Case{"http_requests_total{job=\"api\",code=\"500\"}", "http_requests_total has no label code"},
           Case{"http_requests_total{job=\"web\",code=\"500\"}", "", 1},
           Case{"http_requests_total{job=\"api\",instance=\"b:1\"}",
                "no series of http_requests_total has that job and instance"},
           Case{"http_requests_total{job=~\"x.*\"}", "http_requests_total has no job x.*"},
           Case{"{__name__=~\"nothing_.*\"}", "no metric has a name that matches {__name__=~\"nothing_.*\"}"},
           Case{"rate(errors_total{kind=\"any\"}[1m])", "", 1},
           Case{"up - up offset 1w", ""},
           Case{"up offset 1w + uq offset 1w", "there is no metric uq; the nearest is up"},
           Case{"1 + time()", ""},
       }) {
    auto seen = look_up(**promql::parse(c.query), known_to(store, announced));
    ASSERT_TRUE(seen) << c.query;
    EXPECT_EQ(seen->unseen, c.unseen) << c.query;
    EXPECT_EQ(seen->unseen.empty() ? seen->empty.size() : c.empty, c.empty) << c.query;
  }
}

}  // namespace
}  // namespace ordeal::watch
