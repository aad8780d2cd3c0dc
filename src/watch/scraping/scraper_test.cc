#include "watch/scraping/scraper.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <mutex>
#include <thread>

#include "core/base/io/unique_fd.h"
#include "platform/net/test_server.h"
#include "watch/sources/poll_until.h"

namespace ordeal::watch {
namespace {

// A page that the test changes.
class Page {
 public:
  void set(net::HttpResponse response) {
    std::lock_guard lock(mutex_);
    response_ = std::move(response);
  }
  net::Handler handler() {
    return [this](const net::HttpRequest&) -> net::Task<net::HttpResponse> {
      std::lock_guard lock(mutex_);
      co_return response_;
    };
  }

 private:
  std::mutex mutex_;
  net::HttpResponse response_{200, "requests_total{code=\"200\"} 1\n"};
};

class ScraperTest : public testing::Test {
 protected:
  void make(const std::vector<ScrapeTarget>& targets) {
    scraper_.emplace(client_, store_, targets, WallOffset::measure(), std::nullopt);
  }
  Scraper::Status scrape() {
    uint64_t before = scraper_->status()[0].scrapes;
    BootTime start = boot_now();
    scraper_->scrape_all();
    poll_until(client_, [&] { return scraper_->status()[0].scrapes > before; });
    // Scrapes have times of whole milliseconds.
    poll_until(client_, [&] { return boot_now() - start > 2ms; });
    return scraper_->status()[0];
  }
  // All samples of a name, or of one code of it.
  std::vector<double> values(const std::string& name, const std::string& code = "") {
    std::vector<promql::Matcher> matchers{*promql::Matcher::create(promql::MatchType::kEqual, "__name__", name)};
    if (!code.empty()) matchers.push_back(*promql::Matcher::create(promql::MatchType::kEqual, "code", code));
    std::vector<double> all;
    for (const auto& series : store_.select(matchers).series) {
      for (const auto& sample : series.samples) all.push_back(sample.value);
      labels_ = series.labels;
    }
    return all;
  }

  Page page_;
  net::TestServer server_{page_.handler()};
  net::HttpClient client_ = std::move(*net::HttpClient::create());
  promql::SeriesStore store_;
  std::optional<Scraper> scraper_;
  promql::Labels labels_;
};

TEST_F(ScraperTest, SamplesGetTheTargetsLabels) {
  make({{server_.url("/metrics"), "api", {{"zone", "a"}}}});
  auto status = scrape();
  EXPECT_TRUE(status.up) << status.trouble;
  EXPECT_EQ(values("requests_total"), std::vector{1.0});
  EXPECT_EQ(labels_.get("job"), "api");
  EXPECT_EQ(labels_.get("zone"), "a");
  EXPECT_EQ(labels_.get("instance"), "127.0.0.1:" + std::to_string(server_.port()));
  EXPECT_EQ(values("up"), std::vector{1.0});
}

// The address may be another's from now on, also for the answer that is on its way.
TEST_F(ScraperTest, ADroppedPageIsAskedNoMoreAndItsSeriesEnd) {
  make({{server_.url("/metrics"), "api", {}}});
  scrape();
  bool done = false;
  scraper_->scrape_all([&] { done = true; });
  scraper_->drop(server_.url("/metrics"));
  page_.set({200, "requests_total{code=\"200\"} 77\n"});
  poll_until(client_, [&] { return done; });
  ASSERT_TRUE(done);
  for (const char* name : {"requests_total", "up"}) {
    auto all = values(name);
    ASSERT_EQ(all.size(), 2u) << name;
    EXPECT_EQ(all[0], 1);
    EXPECT_TRUE(promql::is_stale(all[1])) << name;
  }
  done = false;
  scraper_->scrape_all([&] { done = true; });
  EXPECT_TRUE(done) << "there is nothing to wait for";
  EXPECT_EQ(client_.under_way(), 0u);
  EXPECT_FALSE(scraper_->status()[0].up);
  EXPECT_NE(scraper_->status()[0].trouble.find("gone"), std::string::npos);
}

TEST_F(ScraperTest, LabelOfThePageThatClashesIsExported) {
  make({{server_.url(), "api", {}}});
  page_.set({200, "x{job=\"theirs\"} 1\n"});
  scrape();
  values("x");
  EXPECT_EQ(labels_.get("job"), "api");
  EXPECT_EQ(labels_.get("exported_job"), "theirs");
}

TEST_F(ScraperTest, VanishedSeriesEndsAndOthersGoOn) {
  make({{server_.url(), "api", {}}});
  page_.set({200, "x{code=\"1\"} 1\nx{code=\"2\"} 2\n"});
  scrape();
  page_.set({200, "x{code=\"2\"} 3\n"});
  scrape();
  auto ended = values("x", "1");
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_TRUE(promql::is_stale(ended[1]));
  EXPECT_EQ(values("x", "2"), (std::vector{2.0, 3.0}));
}

TEST_F(ScraperTest, FailedScrapeEndsAllSeriesAndUpIsZero) {
  make({{server_.url(), "api", {}}});
  scrape();
  page_.set({500, "broken"});
  auto status = scrape();
  EXPECT_FALSE(status.up);
  EXPECT_EQ(status.trouble, "the target answered 500");
  EXPECT_TRUE(promql::is_stale(values("requests_total").back()));
  EXPECT_EQ(values("up"), (std::vector{1.0, 0.0}));
}

TEST_F(ScraperTest, TargetThatIsNotThereIsDown) {
  make({{"http://127.0.0.1:1/metrics", "api", {}}});
  auto status = scrape();
  EXPECT_FALSE(status.up);
  EXPECT_NE(status.trouble.find("cannot GET http://127.0.0.1:1/metrics"), std::string::npos);
  EXPECT_EQ(values("up"), std::vector{0.0});
}

TEST_F(ScraperTest, OneBadLineIsNotedAndTheRestKept) {
  make({{server_.url(), "api", {}}});
  page_.set({200, "good 1\nthis is {not a metric\nalso_good 2\n"});
  auto status = scrape();
  EXPECT_TRUE(status.up);
  EXPECT_EQ(status.bad_lines, 1u);
  EXPECT_NE(status.trouble.find("line 2"), std::string::npos) << status.trouble;
  EXPECT_EQ(values("also_good"), std::vector{2.0});
}

TEST_F(ScraperTest, ASampleOfTheFutureIsLeftOut) {
  make({{server_.url("/metrics"), "api", {}}});
  auto now = std::chrono::duration_cast<milliseconds>(wall_now());
  page_.set({200, fmt::format("a_total 1 {}\nb_total 2 {}\nc_total 3\n", (now + 11min).count(), (now + 9min).count())});
  auto status = scrape();
  EXPECT_TRUE(status.up);
  EXPECT_EQ(status.samples, 2u);
  EXPECT_EQ(status.trouble, "1 samples are dated more than ten minutes ahead, and left out");
  EXPECT_TRUE(values("a_total").empty());
  EXPECT_EQ(values("b_total"), std::vector{2.0});
}

TEST_F(ScraperTest, GarbageIsAFailedScrape) {
  make({{server_.url(), "api", {}}});
  page_.set({200, "<html><body>Sign in</body></html>\n"});
  EXPECT_FALSE(scrape().up);
  page_.set({200, "x 1\n", "application/openmetrics-text; version=1.0.0"});
  auto cut = scrape();
  EXPECT_FALSE(cut.up);
  EXPECT_NE(cut.trouble.find("# EOF"), std::string::npos);
}

TEST_F(ScraperTest, KnowsWhatThePagesSayOfTheirMetrics) {
  make({{server_.url(), "api", {}}});
  page_.set({200, "# HELP x How many.\n# TYPE x counter\nx 1\n# TYPE y gauge\ny 2\n"});
  scrape();
  EXPECT_EQ(scraper_->metadata().at("x").type, "counter");
  EXPECT_EQ(scraper_->metadata().at("x").help, "How many.");
  EXPECT_EQ(scraper_->metadata().at("y").help, "");
}

TEST_F(ScraperTest, EmptyPageIsUpWithoutSamples) {
  make({{server_.url(), "api", {}}});
  page_.set({200, ""});
  EXPECT_TRUE(scrape().up);
  EXPECT_EQ(values("up"), std::vector{1.0});
}

TEST_F(ScraperTest, SlowTargetHoldsUpNobodyElse) {
  net::TestServer* self = nullptr;
  net::TestServer slow([&](const net::HttpRequest&) -> net::Task<net::HttpResponse> {
    co_await self->loop().sleep(300ms);
    co_return net::HttpResponse{200, "slow 1\n"};
  });
  self = &slow;
  make({{slow.url(), "slow", {}}, {server_.url(), "fast", {}}});
  scraper_->scrape_all();
  poll_until(client_, [&] { return scraper_->status()[1].scrapes == 1; });
  // Still under way, and therefore not started a second time.
  scraper_->scrape_all();
  EXPECT_EQ(scraper_->status()[0].scrapes, 0u);
  poll_until(client_, [&] { return scraper_->status()[0].scrapes == 1 && client_.under_way() == 0; });
  EXPECT_EQ(scraper_->status()[0].scrapes, 1u);
  EXPECT_EQ(values("slow"), std::vector{1.0});
}

TEST(InstanceOf, IsTheAddressWithItsPort) {
  EXPECT_EQ(instance_of("http://10.0.0.1:8000/metrics"), "10.0.0.1:8000");
  EXPECT_EQ(instance_of("https://a.example/metrics?x=1"), "a.example:443");
  EXPECT_EQ(instance_of("http://[::1]/m"), "[::1]:80");
  EXPECT_EQ(instance_of("http://user:pw@h:9/"), "h:9");
}

// Answers each connection with the same bytes, and closes it.
class RawServer {
 public:
  explicit RawServer(std::string answer) : answer_(std::move(answer)) {
    listening_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listening_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listening_.get(), 8), 0);
    getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~RawServer() {
    shutdown(listening_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}/metrics", port_); }

 private:
  void serve() {
    while (true) {
      UniqueFd connection(accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!connection) return;
      char request[4096];
      if (read(connection.get(), request, sizeof request) <= 0) continue;
      EXPECT_EQ(write(connection.get(), answer_.data(), answer_.size()), static_cast<ssize_t>(answer_.size()));
    }
  }

  std::string answer_;
  UniqueFd listening_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(ScraperTest, HalfAPageIsNoPage) {
  struct Case {
    const char* what;
    const char* answer;
    bool up, doubted;
  };
  for (const Case& c : {
           Case{"whole", "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nx 1\ny 2\n", true, false},
           Case{"sloppy, and whole", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nx 1\ny 2", true, false},
           Case{"shorter than said", "HTTP/1.1 200 OK\r\nContent-Length: 80\r\n\r\nx 1\ny 2\n", false, false},
           Case{"cut in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nx 1\n", false, false},
           Case{"without a length", "HTTP/1.1 200 OK\r\n\r\nx 1\ny 2\n", true, false},
           Case{"cut in a line", "HTTP/1.1 200 OK\r\n\r\nx 1\ny 2", true, true},
           Case{"HTML", "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 4\r\n\r\nx 1\n",
                false, false},
       }) {
    RawServer server(c.answer);
    make({{server.url(), "api", {}}});
    auto status = scrape();
    EXPECT_EQ(status.up, c.up) << c.what << ": " << status.trouble;
    EXPECT_EQ(!status.doubt.empty(), c.doubted) << c.what << ": " << status.doubt;
    EXPECT_EQ(status.own_lack, "") << c.what;
  }
}

}  // namespace
}  // namespace ordeal::watch
