// The whole watcher against real servers: our own as a target, and one that answers as Prometheus does.
#include "watch/sources/source_watcher.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "platform/net/test_server.h"
#include "watch/sources/poll_until.h"

namespace ordeal::watch {
namespace {

using Outcome = Observation::Outcome;

Expectation query(std::string text) {
  Expectation expectation;
  expectation.name = "e";
  expectation.query = std::move(text);
  return expectation;
}

std::string complaint(const Experiment& experiment) {
  auto valid = validate(experiment);
  return valid ? "" : valid.error().message();
}

TEST(Validate, NamesTheExpectationAndTheColumn) {
  Experiment experiment;
  experiment.sources.scrape = {{"http://127.0.0.1:1/metrics", "api", {}}};
  experiment.expect = {query("up"), query("sum(rate(x[1m])")};
  experiment.expect[1].name = "error rate";
  std::string text = complaint(experiment);
  EXPECT_EQ(text.rfind("expect[1] \"error rate\": query", 0), 0u) << text;
  EXPECT_NE(text.find("column"), std::string::npos) << text;
}

TEST(Validate, RefusesARangeAndAQueryWithoutASource) {
  Experiment experiment;
  experiment.expect = {query("up")};
  EXPECT_NE(complaint(experiment).find("no source"), std::string::npos);
  experiment.sources.prometheus = "http://127.0.0.1:1";
  EXPECT_EQ(complaint(experiment), "");
  experiment.expect = {query("up[1m]")};
  EXPECT_NE(complaint(experiment).find("matrix"), std::string::npos);
  experiment.expect = {query("\"text\"")};
  EXPECT_NE(complaint(experiment).find("string"), std::string::npos);
}

class SourceWatcherTest : public testing::Test {
 protected:
  net::Task<net::HttpResponse> answer(const net::HttpRequest& request) {
    if (request.path == "/slow" || request.path == "/api/v1/query") co_await server_.loop().sleep(300ms);
    if (request.path == "/gw") co_return net::HttpResponse{gw_broken_ ? 500 : 200, gw_page_};
    net::HttpResponse response{broken_ ? 500 : 200, request.path == "/still" ? still_ : page_};
    if (open_metrics_) response.content_type = "application/openmetrics-text; version=1.0.0";
    co_return response;
  }
  void make(std::vector<Expectation> expectations) {
    Experiment experiment;
    experiment.expect = std::move(expectations);
    experiment.sources = sources_;
    WatchOptions options;
    options.offset = WallOffset::measure();
    options.query_timeout = 100ms;
    auto watcher = SourceWatcher::create(experiment, options, [this](size_t index, const Observation& observation) {
      ++answers_;
      seen_[index] = observation;
    });
    ASSERT_TRUE(watcher) << watcher.error().message();
    watcher_ = std::move(*watcher);
  }
  // A few milliseconds after what was before: samples of one millisecond are one sample.
  Observation look(size_t index = 0) {
    poll_until(
        *watcher_, [] { return false; }, 5ms);
    int before = answers_;
    watcher_->look(index, since_);
    poll_until(*watcher_, [&] { return answers_ > before; });
    return seen_[index];
  }

  // Changed by the test only while no scrape is awaited; read by the server's thread.
  std::string page_ = "requests_total{status=\"200\"} 5\nbad NaN\nratio{r=\"a\"} 0.5\nratio{r=\"b\"} NaN\n";
  std::string gw_page_;
  std::string still_;  // another page
  std::atomic<bool> broken_ = false, gw_broken_ = false, open_metrics_ = false;
  net::TestServer server_{[this](const net::HttpRequest& request) { return answer(request); }};
  Sources sources_{"", {{server_.url("/metrics"), "api", {}}}, 2s};  // a look waits for half of it
  std::map<size_t, Observation> seen_;
  int answers_ = 0;
  BootTime since_{};
  std::unique_ptr<SourceWatcher> watcher_;
};

TEST_F(SourceWatcherTest, KindsOfDataAreToldApart) {
  make({query("sum(requests_total)"), query("nothing_of_this_name"), query("bad"), query("ratio"),
        query("requests_total > 100"), query("scalar(bad)")});
  auto sum = look(0);
  ASSERT_EQ(sum.kind, Outcome::kValues) << sum.error;
  EXPECT_EQ(sum.values[0].second, 5);
  auto missing = look(1);
  EXPECT_EQ(missing.kind, Outcome::kNoSuchSeries);
  EXPECT_EQ(missing.error, "no series: nothing_of_this_name");
  EXPECT_EQ(look(2).kind, Outcome::kNaN);
  auto ratio = look(3);
  EXPECT_EQ(ratio.kind, Outcome::kValues);
  ASSERT_EQ(ratio.values.size(), 1u);
  EXPECT_NE(ratio.values[0].first.find("r=a"), std::string::npos);
  EXPECT_NE(ratio.error.find("r=b"), std::string::npos);
  EXPECT_EQ(look(4).kind, Outcome::kNoSuchSeries);
  EXPECT_EQ(look(5).kind, Outcome::kNaN);
}

TEST_F(SourceWatcherTest, SeriesOfADeadTargetIsStale) {
  make({query("requests_total"), query("up")});
  EXPECT_EQ(look().kind, Outcome::kValues);
  broken_ = true;
  auto seen = look();
  EXPECT_EQ(seen.kind, Outcome::kStale);
  EXPECT_EQ(seen.error, "ended: requests_total");
  EXPECT_EQ(look(1).values.at(0).second, 0);
}

TEST_F(SourceWatcherTest, RateIsComputedFromItsOwnScrapes) {
  make({query("rate(requests_total[1m])")});
  look();
  auto seen = look();
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_EQ(seen.values[0].second, 0);
}

TEST_F(SourceWatcherTest, ALookSeesThePageAsItIsNow) {
  sources_.interval = 2s;  // a look waits for half of it
  make({query("requests_total")});
  EXPECT_EQ(look().values.at(0).second, 5);
  page_ = "requests_total{status=\"200\"} 6\n";
  EXPECT_EQ(look().values.at(0).second, 6);
}

TEST_F(SourceWatcherTest, ASlowPageHoldsUpALookByHalfAnIntervalAtMost) {
  sources_.scrape.push_back({server_.url("/slow"), "slow", {}});
  sources_.interval = 100ms;
  make({query("requests_total{job=\"api\"}")});
  auto seen = look();
  EXPECT_EQ(seen.values.at(0).second, 5);
  EXPECT_GE(seen.took, 45ms);
  EXPECT_LT(seen.took, 150ms);
  EXPECT_LT(look().took, 45ms) << "the slow page is still under way, and is not waited for";
}

TEST_F(SourceWatcherTest, WhatTheSeriesCountComesWithTheLook) {
  Expectation expectation = query("sum(rate(requests_total{status=\"500\"}[1m])) / sum(rate(requests_total[1m]))");
  expectation.condition = "result < 0.1";
  sources_.interval = 2s;
  make({expectation});
  look();
  page_ = "requests_total{status=\"200\"} 15\nrequests_total{status=\"500\"} 30\n";
  auto seen = look();
  ASSERT_TRUE(seen.counts);
  ASSERT_EQ(seen.counts->groups.size(), 1u);
  EXPECT_EQ(seen.counts->groups[0].total, 40);
  EXPECT_EQ(seen.counts->groups[0].bad, 30);
}

TEST_F(SourceWatcherTest, SlowPrometheusTimesOutAndBlocksNoProbe) {
  sources_ = {server_.url(), {}, 20ms};
  Expectation probe;
  probe.http = HttpProbe{server_.url("/quick"), "GET", 1s, "", false};
  make({query("up"), probe});
  BootTime start = boot_now();
  watcher_->look(0, {});
  EXPECT_LT(boot_now() - start, 50ms);
  EXPECT_EQ(look(1).values.at(0).second, 200);
  EXPECT_LT(boot_now() - start, 100ms);
  ASSERT_TRUE(poll_until(*watcher_, [&] { return seen_.count(0) > 0; }));
  EXPECT_EQ(seen_[0].kind, Outcome::kTimedOut);
  EXPECT_GE(seen_[0].took, 90ms);
}

TEST_F(SourceWatcherTest, SecondLookAtTheSameExpectationIsIgnored) {
  Expectation probe;
  probe.http = HttpProbe{server_.url("/slow"), "GET", 1s, "", true};
  sources_ = {};
  make({probe});
  watcher_->look(0, {});
  watcher_->look(0, {});
  ASSERT_TRUE(poll_until(*watcher_, [&] { return answers_ > 0; }));
  poll_until(
      *watcher_, [] { return false; }, 50ms);
  EXPECT_EQ(answers_, 1);
}

TEST_F(SourceWatcherTest, FailingQueryIsAnErrorWithItsReason) {
  make({query("ratio + on() ratio")});
  auto seen = look();
  EXPECT_EQ(seen.kind, Outcome::kError);
  EXPECT_NE(seen.error.find("matching"), std::string::npos) << seen.error;
}

TEST_F(SourceWatcherTest, AProbesDataIsFromItsBeginToItsEnd) {
  Expectation probe;
  probe.command = CommandProbe{{"sleep", "0.2"}, 1s};
  sources_ = {};
  make({probe});
  BootTime before = boot_now();
  auto seen = look();
  ASSERT_TRUE(seen.taken);
  EXPECT_GE(seen.taken->from, before);
  EXPECT_GE(seen.taken->until - seen.taken->from, 200ms);
  EXPECT_LE(seen.taken->until, boot_now());
}

TEST_F(SourceWatcherTest, ScrapedDataIsAsOldAsItsScrapes) {
  sources_.interval = 2s;
  page_ = "requests_total 5\n";
  make({query("rate(requests_total[1m])"), query("requests_total")});
  BootTime first = boot_now();
  look();
  page_ = "requests_total 6\n";
  BootTime second = boot_now();
  auto seen = look();
  ASSERT_TRUE(seen.taken);
  EXPECT_GE(seen.taken->from, first - 1ms);
  EXPECT_LE(seen.taken->from, second);
  EXPECT_GE(seen.taken->newest, second - 1ms);
  EXPECT_LT(seen.taken->back_to, first - 50s);
  page_ = "requests_total 7\n";
  EXPECT_GE(look(1).taken->from, second);
}

TEST_F(SourceWatcherTest, WhatIsCountedIsReadWhenItsPageIs) {
  Expectation expectation = query("sum(rate(requests_total{status=\"500\"}[1m])) / sum(rate(requests_total[1m]))");
  expectation.condition = "result < 0.1";
  sources_.interval = 2s;
  make({expectation});
  BootTime before = boot_now();
  auto seen = look();
  ASSERT_TRUE(seen.counts && seen.counts->read_since);
  EXPECT_GE(*seen.counts->read_since, before - 1ms);
}

// Whatever a page has lost, what is left of it proves nothing, and still is looked at.
TEST_F(SourceWatcherTest, APageThatIsNotWholeIsDoubted) {
  sources_.interval = 2s;
  struct Case {
    const char* page;
    const char* doubt;
  };
  for (const Case& c : {Case{"requests_total 5\n", ""}, Case{"requests_total 5\nother{ 1\n", "1 bad lines; line 2"},
                        Case{"requests_total 5\nrequests_total 6\n", "1 of its series appear twice"},
                        Case{"requests_total 5\nlater 1 99999999999999\n", "dated more than ten minutes ahead"},
                        Case{"# TYPE x fancy\nrequests_total 5\n", ""}}) {
    page_ = c.page;
    make({query("requests_total")});
    auto seen = look();
    EXPECT_EQ(seen.kind, Outcome::kValues) << c.page;
    EXPECT_EQ(seen.doubt.empty(), *c.doubt == '\0') << c.page << seen.doubt;
    EXPECT_NE(seen.doubt.find(c.doubt), std::string::npos) << seen.doubt;
  }
}

std::string dated(Nanos ahead) {
  int64_t ms = std::chrono::duration_cast<milliseconds>(wall_now() + ahead).count();
  return "requests_total 5 " + std::to_string(ms) + "\n";
}

TEST_F(SourceWatcherTest, AClockThatIsOffIsNotTheSystemsFault) {
  sources_.interval = 2s;
  for (Nanos ahead : {-30s, 30s}) {
    page_ = dated(ahead);
    make({query("rate(requests_total[5s])")});
    auto seen = look();
    EXPECT_NE(seen.kind, Outcome::kValues);
    EXPECT_NE(seen.own_lack.find(ahead > 0s ? "ahead of this machine's clock" : "behind this machine's clock"),
              std::string::npos)
        << seen.own_lack;
  }
  page_ = dated(0s);
  make({query("requests_total")});
  EXPECT_EQ(look().own_lack, "");
}

TEST_F(SourceWatcherTest, APageThatStandsStillInThePhaseIsDoubted) {
  sources_.interval = 2s;
  page_ = "requests_total 5\n";
  make({query("requests_total")});
  look();
  since_ = boot_now();
  poll_until(
      *watcher_, [] { return false; }, 50ms);
  auto seen = look();
  EXPECT_NE(seen.doubt.find("nothing on it has changed for "), std::string::npos) << seen.doubt;
  EXPECT_LT(seen.taken->from, since_);
  page_ = "requests_total 6\n";
  EXPECT_EQ(look().doubt, "");
  page_ = "broken 0\n";
  EXPECT_EQ(look().doubt, "") << "without a counter nobody can tell";
}

// What a cache keeps it keeps whole.
TEST_F(SourceWatcherTest, APageOfWhichAGaugeMovesIsNotKeptByACache) {
  sources_.interval = 2s;
  page_ = "queue_depth 1\nrestarts_total 2\n";
  make({query("queue_depth"), query("sum(increase(restarts_total[1m]))")});
  look();
  since_ = boot_now();
  for (int depth = 2; depth < 4; ++depth) {
    page_ = "queue_depth " + std::to_string(depth) + "\nrestarts_total 2\n";
    EXPECT_EQ(look(0).doubt, "") << depth;
    page_ = "queue_depth " + std::to_string(depth) + ".5\nrestarts_total 2\n";
    EXPECT_EQ(look(1).doubt, "") << depth;
  }
  since_ = boot_now();
  EXPECT_NE(look(0).doubt, "") << "now all of it stands still";
}

// Another page stands still: whether a query has to do with it.
TEST_F(SourceWatcherTest, OnlyAPageThatTheQueryMayReadIsItsConcern) {
  sources_.interval = 2s;
  sources_.scrape[0].labels = {{"page", "a"}};
  sources_.scrape.push_back({server_.url("/still"), "api", {{"page", "b"}}});
  struct Case {
    const char *query, *still;
    bool doubted;
  };
  for (const Case& c : {
           Case{"sum(requests_total)", "restarts_total 2\n", false},
           Case{"sum(requests_total{status=~\"5..\"}) / sum(requests_total)", "restarts_total 2\n", false},
           Case{"sum(requests_total)", "requests_total{status=\"200\"} 9\n", true},
           Case{"sum(requests_total{status=\"500\"})", "requests_total{status=\"200\"} 9\n", true},
           Case{"sum(requests_total{page=\"a\"})", "requests_total{status=\"200\"} 9\n", false},
           Case{"sum(errors_total) or vector(0)", "restarts_total 2\n", true},
           Case{"count({__name__=~\".+_total\"})", "restarts_total 2\n", true},
       }) {
    still_ = c.still;
    make({query(c.query)});
    page_ = "requests_total{status=\"500\"} 1\n";
    look();
    since_ = boot_now();
    page_ = "requests_total{status=\"500\"} 2\n";
    std::string doubt = look().doubt;
    EXPECT_EQ(!doubt.empty(), c.doubted) << c.query << " beside " << c.still << doubt;
  }
}

// Two pages of one address: each has a past of its own.
TEST_F(SourceWatcherTest, WhatALatePageHasCountedBeforeIsItsPast) {
  Expectation expectation = query("sum(rate(requests_total{status=\"500\"}[1m])) / sum(rate(requests_total[1m]))");
  expectation.condition = "result < 0.1";
  sources_.interval = 2s;
  sources_.scrape[0].labels = {{"page", "a"}};
  sources_.scrape.push_back({server_.url("/still"), "api", {{"page", "b"}}});
  make({expectation});
  look();
  still_ = "requests_total{status=\"500\"} 50000\n";
  EXPECT_EQ(look().counts->groups.at(0).bad, 0);
  still_ = "requests_total{status=\"500\"} 50003\n";
  EXPECT_EQ(look().counts->groups.at(0).bad, 3);
  page_ += "requests_total{status=\"503\"} 40\n";
  EXPECT_EQ(look().counts->groups.at(0).total, 43) << "a status that occurs for the first time";
}

TEST_F(SourceWatcherTest, WhatWasNeverSeenIsNamed) {
  sources_.interval = 2s;
  make({query("sum(rate(request_total[1m])) or vector(0)"), query("sum(requests_total{status=\"500\"}) or vector(0)")});
  EXPECT_EQ(look(0).unseen, "there is no metric request_total; the nearest is requests_total");
  auto value = look(1);
  EXPECT_EQ(value.unseen, "");
  EXPECT_EQ(value.caveat, "requests_total{status=\"500\"} finds no series yet, and counts as nothing");
}

TEST_F(SourceWatcherTest, NothingIsSaidOfNamesBeforeAPageCame) {
  broken_ = true;
  make({query("requests_total")});
  auto seen = look();
  EXPECT_EQ(seen.unseen, "");
  EXPECT_EQ(seen.own_lack, "") << "a target that is down is the system's affair";
}

// A numerator that is empty is 0 only while nothing but a value is missing on pages that go on.
TEST_F(SourceWatcherTest, AnEmptyNumeratorIsZeroOnlyWhileAValueIsMissing) {
  sources_.scrape.push_back({server_.url("/gw"), "gw", {}});
  const std::string all = " / sum(rate(requests_total[1m]))";
  struct Case {
    const char* numerator;
    Outcome kind;
    const char* error;
  };
  const std::vector<Case> cases{
      {"sum(rate(requests_total{status=~\"5..\"}[1m]))", Outcome::kValues, ""},
      {"sum(rate(requests_total{job=\"api\",code=\"x\",status=~\"5..\"}[1m]))", Outcome::kNoSuchSeries,
       "no label code"},
      {"sum(rate(requests_total{status=~\"5..\"}[1ms]))", Outcome::kNoSuchSeries, "has no value either"},
      {"sum(rate(requests_total{status=\"200\"}[1ms]))", Outcome::kNoSuchSeries, "fewer than two samples"},
      {"sum(rate(requests_total{status=~\"5..\"}[1m] offset 1h))", Outcome::kNoSuchSeries, "has no value either"},
      {"sum(rate(requests_total{status=\"200\"}[1m] offset 1h))", Outcome::kNoSuchSeries, "another time"},
      {"(sum(rate(requests_total{status=~\"5..\"}[1m])) + sum(rate(requests_total[1m])))", Outcome::kNoSuchSeries,
       "give no value now"},
      {"sum(rate(reqests_total{status=~\"5..\"}[1m]))", Outcome::kNoSuchSeries, "no metric reqests_total"},
      {"sum(rate(requests_total{job=\"ap\",status=~\"5..\"}[1m]))", Outcome::kNoSuchSeries, "no job ap"},
      {"sum(rate(ghost_total{kind=\"a\"}[1m]))", Outcome::kValues, ""},  // announced
      {"sum(rate(took{kind=\"a\"}[1m]))", Outcome::kNoSuchSeries, "no metric took"},
      {"sum(rate(took_count{kind=\"x\"}[1m]))", Outcome::kValues, ""},
      {"sum(rate(gw_errors_total[1s]))", Outcome::kStale, "ended: gw_errors_total"},
      {"sum(rate(gw_errors_total{kind=\"x\"}[1s]))", Outcome::kStale, "ended: gw_errors_total"},
      {"sum(rate(requests_total{part=\"gw\",status=~\"5..\"}[1s]))", Outcome::kStale, "ended: requests_total"},
      {"sum(rate(requests_total{status=~\"5..\",part=\"gw\"}[1s]))", Outcome::kStale, "ended: requests_total"},
  };
  std::vector<Expectation> queries;
  for (const Case& c : cases) queries.push_back(query(c.numerator + all));
  make(queries);
  auto page = [&](int count) {
    page_ =
        "# TYPE ghost_total counter\n# TYPE took histogram\ntook_count{kind=\"a\"} 1\nrequests_total{status=\"200\"} " +
        std::to_string(count) + "\n";
    gw_page_ = "gw_errors_total{kind=\"a\"} 0\nrequests_total{status=\"200\",part=\"gw\"} 1\n";
  };
  page(5);
  look();
  page(6);
  look();
  gw_broken_ = true;
  look();
  poll_until(
      *watcher_, [] { return false; }, 1100ms);
  for (int count : {7, 8}) {
    page(count);
    look();
  }
  for (size_t i = 0; i < cases.size(); ++i) {
    auto seen = look(i);
    EXPECT_EQ(seen.kind, cases[i].kind) << cases[i].numerator << ": " << seen.error;
    EXPECT_NE(seen.error.find(cases[i].error), std::string::npos) << cases[i].numerator << ": " << seen.error;
  }
}

// After a pod is killed, and after a program has begun anew without a failure.
TEST_F(SourceWatcherTest, ANumeratorMayLoseSomeOfItsSeries) {
  sources_.scrape.push_back({server_.url("/gw"), "api", {{"pod", "b"}}});
  make({query("sum(rate(requests_total{status=~\"5..\"}[1s])) / sum(rate(requests_total[1m]))")});
  page_ = gw_page_ = "requests_total{status=\"200\"} 5\n";
  look();
  page_ = gw_page_ = "requests_total{status=\"200\"} 6\n";
  EXPECT_EQ(look().kind, Outcome::kValues);
  gw_broken_ = true;
  for (const char* page : {"requests_total{status=\"200\"} 7\nrequests_total{status=\"500\"} 1\n",
                           "requests_total{status=\"200\"} 8\nrequests_total{status=\"500\"} 1\n"}) {
    page_ = page;
    look();
  }
  page_ = "requests_total{status=\"200\"} 1\n";
  look();
  poll_until(
      *watcher_, [] { return false; }, 1100ms);
  for (const char* page : {"requests_total{status=\"200\"} 2\n", "requests_total{status=\"200\"} 3\n"}) {
    page_ = page;
    look();
  }
  auto seen = look();
  ASSERT_EQ(seen.kind, Outcome::kValues) << seen.error;
  EXPECT_EQ(seen.values.at(0).second, 0);
  EXPECT_EQ(seen.doubt, "");
}

TEST_F(SourceWatcherTest, AZeroInThePlaceOfALostPageIsDoubted) {
  sources_.scrape.push_back({server_.url("/gw"), "gw", {}});
  make({query("sum(rate(gw_errors_total[1m]) or vector(0)) / sum(rate(requests_total[1m]))")});
  page_ = "requests_total 5\n";
  gw_page_ = "gw_errors_total 1\n";
  look();
  page_ = "requests_total 6\n";
  EXPECT_EQ(look().doubt, "");
  gw_broken_ = true;
  page_ = "requests_total 7\n";
  EXPECT_EQ(look().doubt, "gw_errors_total: all that it found has ended, and its page does not answer");
}

TEST_F(SourceWatcherTest, NamesAreLookedAtThoughOnePageNeverCame) {
  sources_.scrape.push_back({server_.url("/gw"), "gw", {}});
  gw_broken_ = true;
  make({query("sum(rate(request_total[1m])) or vector(0)"), query("request_total{job=\"api\"} or vector(0)"),
        query("requests_total")});
  std::string typo = "there is no metric request_total; the nearest is requests_total";
  EXPECT_EQ(look(0).unseen, typo + "; " + server_.url("/gw") + " never answered");
  EXPECT_EQ(look(1).unseen, typo);
  EXPECT_EQ(look(2).unseen, "");
}

// Only a name that samples can have is announced by a type.
TEST_F(SourceWatcherTest, AFamilysNameIsNoMetric) {
  struct Case {
    const char* page;
    const char* metric;
    bool open_metrics, announced;
  };
  for (const Case& c :
       {Case{"# TYPE a counter\na_total 1\n# EOF\n", "a", true, false},
        Case{"# TYPE a counter\n# EOF\n", "a", true, false}, Case{"# TYPE a counter\n# EOF\n", "a_total", true, true},
        Case{"# TYPE a counter\n", "a", false, true}, Case{"# TYPE a counter\n", "a_total", false, false},
        Case{"# TYPE a histogram\n", "a", false, false}, Case{"# TYPE a histogram\n", "a_count", false, true},
        Case{"# TYPE a histogram\na_count 1\n", "a_total", false, false}, Case{"# TYPE a summary\n", "a", false, true},
        Case{"# TYPE a summary\na_count 1\n", "a", false, false}, Case{"# TYPE a gauge\n", "a", false, true},
        Case{"# TYPE a gauge\n", "a_sum", false, false}}) {
    page_ = std::string("other 1\n") + c.page;
    open_metrics_ = c.open_metrics;
    make({query(std::string(c.metric) + " or vector(0)")});
    EXPECT_EQ(look().unseen.empty(), c.announced) << c.page << c.metric;
  }
}

// Of descriptors there are none left.
TEST_F(SourceWatcherTest, AnOwnLackIsToldFromAnAnswer) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizers open descriptors of their own, and misjudge when there are none";
#endif
  Expectation command, http, missing;
  command.command = CommandProbe{{"true"}, 1s};
  http.http = HttpProbe{server_.url("/quick"), "GET", 1s, "", false};
  missing.command = CommandProbe{{"/no/such/program"}, 1s};
  make({command, http, query("requests_total"), missing});
  EXPECT_NE(look(3).own_lack.find("cannot run /no/such/program"), std::string::npos);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  rlimit none{3, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  std::vector<Observation> seen{look(0), look(1), look(2)};
  setrlimit(RLIMIT_NOFILE, &before);
  for (size_t i = 0; i < seen.size(); ++i) EXPECT_NE(seen[i].own_lack, "") << i << ": " << seen[i].error;
  EXPECT_EQ(look(0).own_lack, "");
}

TEST(Validate, RefusesTwoPagesWhoseSeriesWouldBeOne) {
  Experiment experiment;
  experiment.sources.scrape = {{"http://127.0.0.1:1/metrics", "api", {}}, {"http://127.0.0.1:1/other", "api", {}}};
  EXPECT_NE(complaint(experiment).find("the same job, address and labels"), std::string::npos);
  experiment.sources.scrape[1].labels = {{"part", "b"}};
  EXPECT_EQ(complaint(experiment), "");
  experiment.sources.scrape[1] = {"http://127.0.0.1:1/other", "other", {}};
  EXPECT_EQ(complaint(experiment), "");
}

}  // namespace
}  // namespace ordeal::watch
