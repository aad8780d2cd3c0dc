#include "prometheus/promapi/api.h"

#include <gtest/gtest.h>

#include "prometheus/promql/store/series_store.h"

namespace ordeal::promapi {
namespace {

using promql::Labels;

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    for (int i = 0; i <= 10; ++i) {
      store_.append(Labels{{"__name__", "up"}, {"job", "shop"}}, i * 1000, 1);
      store_.append(Labels{{"__name__", "load"}, {"job", "shop"}, {"le", "1"}}, i * 1000, i / 2.0);
    }
  }

  std::string ask(std::string_view path, const Parameters& parameters, int status = 200) {
    Answer answer = api_.answer(path, parameters, 10'000);
    EXPECT_EQ(answer.status, status) << answer.body;
    return answer.body;
  }

  promql::SeriesStore store_;
  Api::MetadataMap metadata_{{"up", {"gauge", "1 when it answers"}}};
  Api api_{store_, "1.2.3", metadata_};
};

// P17: values are strings, times are numbers of seconds.
TEST_F(ApiTest, AnInstantQueryHasPrometheusForm) {
  EXPECT_EQ(ask("/api/v1/query", {{"query", "up"}}),
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"shop"},)"
            R"("value":[10,"1"]}]}})");
  EXPECT_EQ(ask("/api/v1/query", {{"query", "1 / 0"}, {"time", "1.5"}}),
            R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"+Inf"]}})");
  EXPECT_EQ(ask("/api/v1/query", {{"query", "\"x\""}, {"time", "1970-01-01T01:00:02+01:00"}}),
            R"({"status":"success","data":{"resultType":"string","result":[2,"x"]}})");
  EXPECT_NE(ask("/api/v1/query", {{"query", "up[2s]"}}).find(R"("values":[[9,"1"],[10,"1"]])"), std::string::npos);
}

TEST_F(ApiTest, ARangeQueryIsAMatrix) {
  EXPECT_EQ(ask("/api/v1/query_range", {{"query", "sum(load)"}, {"start", "1"}, {"end", "2.5"}, {"step", "500ms"}}),
            R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":)"
            R"([[1,"0.5"],[1.5,"0.5"],[2,"1"],[2.5,"1"]]}]}})");
}

// By Prometheus' minute the ten seconds hold one look; by the interval of what is scraped, one a second.
TEST_F(ApiTest, ASubqueryWithoutAStepGoesByTheScrapeInterval) {
  const Parameters asked{{"query", "max_over_time(sum(load)[10s:])"}, {"time", "10.5"}};
  EXPECT_EQ(ask("/api/v1/query", asked).find("\"5\""), std::string::npos);
  api_.set_default_step(promql::scraped_step_ms(200ms));
  EXPECT_NE(ask("/api/v1/query", asked).find("\"5\""), std::string::npos);
  EXPECT_EQ(promql::scraped_step_ms(5s), 5000);
}

TEST_F(ApiTest, WarningsStandBesideTheData) {
  EXPECT_NE(ask("/api/v1/query", {{"query", "rate(load[5s])"}}).find(R"("infos":["PromQL info: metric might not)"),
            std::string::npos);
}

TEST_F(ApiTest, MistakesHavePrometheusTypes) {
  EXPECT_NE(ask("/api/v1/query", {{"query", "up{"}}, 400).find(R"("errorType":"bad_data")"), std::string::npos);
  EXPECT_NE(ask("/api/v1/query", {}, 400).find("invalid parameter \\\"query\\\""), std::string::npos);
  EXPECT_NE(ask("/api/v1/query", {{"query", "up"}, {"time", "noon"}}, 400).find("valid timestamp"), std::string::npos);
  EXPECT_NE(ask("/api/v1/query", {{"query", "up * on(job) load * on() (load or up)"}}, 422).find("execution"),
            std::string::npos);
  Parameters range{{"query", "up"}, {"start", "0"}, {"end", "20000"}, {"step", "1"}};
  EXPECT_NE(ask("/api/v1/query_range", range, 400).find("11000 points"), std::string::npos);
  range[3].second = "0";
  EXPECT_NE(ask("/api/v1/query_range", range, 400).find("zero or negative"), std::string::npos);
  EXPECT_NE(ask("/api/v1/query_range", {{"query", "up"}, {"start", "9"}, {"end", "1"}, {"step", "1"}}, 400)
                .find("before start"),
            std::string::npos);
  EXPECT_NE(ask("/api/v1/alerts", {}, 404).find("not_found"), std::string::npos);
}

TEST_F(ApiTest, TellsWhatThereIs) {
  EXPECT_EQ(ask("/api/v1/labels", {}), R"({"status":"success","data":["__name__","job","le"]})");
  EXPECT_EQ(ask("/api/v1/label/__name__/values", {}), R"({"status":"success","data":["load","up"]})");
  EXPECT_EQ(ask("/api/v1/label/__name__/values", {{"match[]", "{le=\"1\"}"}}),
            R"({"status":"success","data":["load"]})");
  EXPECT_EQ(ask("/api/v1/series", {{"match[]", "up"}}),
            R"({"status":"success","data":[{"__name__":"up","job":"shop"}]})");
  EXPECT_EQ(ask("/api/v1/series", {{"match[]", "up"}, {"start", "11"}}), R"({"status":"success","data":[]})");
  EXPECT_NE(ask("/api/v1/series", {}, 400).find("match[]"), std::string::npos);
  EXPECT_EQ(ask("/api/v1/metadata", {}),
            R"({"status":"success","data":{"up":[{"type":"gauge","help":"1 when it answers","unit":""}]}})");
  EXPECT_NE(ask("/api/v1/status/buildinfo", {}).find(R"("application":"ordeal")"), std::string::npos);
}

TEST(ParseTime, TakesSecondsAndRfc3339) {
  EXPECT_EQ(parse_time("1.0015"), 1002);
  EXPECT_EQ(parse_time("1970-01-02T00:00:00Z"), 86'400'000);
  EXPECT_EQ(parse_time("2026-11-24T12:00:00.25Z"), 1795521600250);
  for (const char* wrong : {"", "x", "2026-11-24", "2026-13-24T12:00:00Z", "2026-11-24T12:00:00", "NaN", "1e300"})
    EXPECT_FALSE(parse_time(wrong)) << wrong;
}

}  // namespace
}  // namespace ordeal::promapi
