// scrape: Ordeal's own scraper and PromQL as a service, for Grafana, promtool and `--prometheus`.
#include <fmt/format.h>

#include "app/cli/commands.h"
#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "core/base/text/quantity.h"
#include "platform/net/fetcher.h"
#include "run/session/live_api.h"
#include "watch/scraping/api_server.h"
#include "watch/scraping/scraper.h"

namespace ordeal::cli {
namespace {

using std::chrono::milliseconds;

constexpr Nanos kLeastInterval = 100ms;
constexpr Nanos kMostInterval = 60s;

int64_t now_ms(const WallOffset& offset) {
  return std::chrono::duration_cast<milliseconds>(offset.wall(boot_now())).count();
}

std::vector<ScrapeTarget> targets_of(const ScrapeOptions& options) {
  std::vector<ScrapeTarget> targets;
  for (const std::string& url : options.urls) {
    ScrapeTarget target;
    target.url = url;
    target.job = options.job;
    targets.push_back(std::move(target));
  }
  return targets;
}

// Prints what changed since the last time: a target that came, went, or has something new to complain of.
class Reporter {
 public:
  void report(const std::vector<watch::Scraper::Status>& all, const std::vector<std::string>& losses) {
    told_.resize(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      const watch::Scraper::Status& status = all[i];
      if (status.scrapes == 0) continue;
      std::string line = status.up ? "up, " + counted(status.samples, "sample", "samples") : "down: " + status.trouble;
      if (status.up && !status.trouble.empty()) line = "up; " + status.trouble;
      std::string state = status.up && status.trouble.empty() ? "up" : line;
      if (told_[i] != state) print("{} {}\n", status.url, line);
      told_[i] = state;
    }
    for (; lost_ < losses.size(); ++lost_) print("{}\n", losses[lost_]);
    push_output();
  }

 private:
  std::vector<std::string> told_;
  size_t lost_ = 0;
};

net::Task<> scrape_until(net::Loop& loop, watch::Scraper& scraper, const promql::SeriesStore& store, Nanos interval,
                         const bool& ended) {
  Reporter reporter;
  BootTime next = boot_now();
  while (!ended) {
    scraper.scrape_all();
    next += interval;
    BootTime now = boot_now();
    if (next < now) next = now;
    co_await loop.sleep(next - now);
    reporter.report(scraper.status(), store.losses());
  }
}

struct Rhythm {
  Nanos interval, keep;
};

Result<Rhythm> rhythm_of(const ScrapeOptions& options) {
  Nanos interval = TRY(parse_duration(options.interval));
  if (interval < kLeastInterval || interval > kMostInterval)
    return fail(Errc::kInvalidInput, fmt::format("--interval is {}, expected 100ms to 1m", options.interval));
  Nanos keep = TRY(parse_duration(options.keep));
  if (keep < 1s || keep > 24h)
    return fail(Errc::kInvalidInput, fmt::format("--keep is {}, expected 1s to 24h", options.keep));
  size_t most = promql::SeriesStore::Limits{}.samples_per_series;
  if (keep / interval > static_cast<int64_t>(most))
    return fail(Errc::kInvalidInput,
                fmt::format("--keep {} at --interval {} is {} samples of each series, and {} are kept", options.keep,
                            options.interval, keep / interval, most),
                "Give a longer --interval, or a shorter --keep.");
  return Rhythm{interval, keep};
}

Result<> scrape(const ScrapeOptions& options) {
  for (const std::string& url : options.urls)
    if (!is_http_url(url))
      return fail(Errc::kInvalidInput, fmt::format("expected {}, found \"{}\"", kUrlExpected, url));
  TRY_VOID(watch::check_identities(targets_of(options)));
  Rhythm rhythm = TRY(rhythm_of(options));
  auto server_options = TRY(watch::api_server_options(options.listen, TRY(session::read_token(options.token_file))));
  WallOffset offset = WallOffset::measure();
  net::Loop loop;
  auto fetcher = TRY(net::Fetcher::create(loop));
  promql::SeriesStore store({.keep_ms = std::chrono::duration_cast<milliseconds>(rhythm.keep).count()});
  watch::Scraper scraper(fetcher->client(), store, targets_of(options), offset, std::nullopt);
  promapi::Api api(store, ORDEAL_VERSION, scraper.metadata());
  api.set_default_step(promql::scraped_step_ms(rhythm.interval));
  auto answerer = [&](std::string path, promapi::Parameters parameters) -> net::Task<promapi::Answer> {
    co_return api.answer(path, parameters, now_ms(offset));
  };
  auto server = TRY(watch::serve_api(loop, server_options, answerer));
  print("Scraping {} every {}; PromQL is served at http://{}:{}/ (Ctrl-C stops)\n",
        counted(options.urls.size(), "target", "targets"), options.interval, server_options.http.address,
        server->port());
  push_output();
  bool ended = false;
  loop.on_terminate([&] {
    ended = true;
    server->stop();
    loop.stop();
  });
  loop.spawn([&] { return scrape_until(loop, scraper, store, rhythm.interval, ended); });
  loop.run();
  return {};
}

}  // namespace

ExitCode scrape_command(const ScrapeOptions& options) {
  auto done = scrape(options);
  return done ? ExitCode::kHeld : print_error(done.error());
}

}  // namespace ordeal::cli
