// Scraper: fetches /metrics pages into a SeriesStore, as Prometheus does it: labels job and instance, `up`, stale
// markers for series that vanish and for all of a target whose scrape fails. A bad line costs that line only; it is
// counted and described. What a page has lost makes it no evidence (Status::doubt), and so does one of which
// nothing changes: a page that a cache keeps. Samples get the time at which their scrape began. One scrape per target
// at a time; one that takes longer than kScrapeTimeout has failed.
#pragma once

#include <functional>
#include <optional>
#include <unordered_set>

#include "core/model/input/experiment.h"
#include "platform/net/http_client.h"
#include "prometheus/metrics/exposition.h"
#include "prometheus/promapi/api.h"
#include "prometheus/promql/store/series_store.h"

namespace ordeal::watch {

// More than an injected second of delay, so that a slow target still counts as up.
constexpr Nanos kScrapeTimeout = 2s;
constexpr size_t kMostMetadata = 10'000;
// A sample that a page dates further ahead is left out, as Prometheus does: it would make all others look old.
constexpr Nanos kMostAhead = 10min;

class Scraper {
 public:
  struct Status {
    std::string url;
    bool up = false;
    uint64_t scrapes = 0;
    uint64_t failures = 0;
    uint64_t bad_lines = 0;  // over all scrapes
    size_t samples = 0;      // of the last good scrape
    Nanos took{0};           // the last scrape
    std::string trouble;     // of the last scrape: why it failed, or what it lost; "" is none
    std::string doubt;       // why the last page is not the whole one; "" is none
    std::string own_lack;    // the last scrape failed for want of something of Ordeal's own; "" is not so
    // The last scrape at which anything on the page had changed; 0 where it has no counter, nor a time of its own.
    int64_t moved_ms = 0;
    int64_t counted_ms = 0;      // at which a counter had, or a time that the page gives
    int64_t last_ms = 0;         // the last good scrape
    std::optional<Nanos> ahead;  // of this machine's clock, by the newest time that the last page gives
    promql::Labels labels;       // job, instance and the target's own
  };

  // The client and the store must outlive the scraper.
  Scraper(net::HttpClient& client, promql::SeriesStore& store, const std::vector<ScrapeTarget>& targets,
          WallOffset offset, std::optional<net::PortRange> local_ports);

  // Starts a scrape of each target that has none under way. `done` is called when those have ended, at once when there
  // is none to wait for, and not at all when another scrape_all() comes before.
  void scrape_all(std::function<void()> done = {});
  // From now on the page of this URL is not asked any more, and its series have ended: whoever answers there is
  // another.
  void drop(const std::string& url);
  std::vector<Status> status() const;
  // What the pages say of their metrics, of at most kMostMetadata names.
  const promapi::Api::MetadataMap& metadata() const { return metadata_; }
  // Whether a page gives a metric of this name a type, though it may have no series yet: the name of a sample, not of a
  // family, and none of the family's other names has series. `now`: on a page that is up.
  bool announces(const std::string& metric, bool now) const;

 private:
  using Seen = std::unordered_set<promql::Labels, promql::LabelsHash>;
  struct Target {
    ScrapeTarget spec;
    promql::Labels own;  // job, instance and the target's labels
    bool under_way = false;
    bool dropped = false;
    uint64_t round = 0;  // that started it
    BootTime started;
    Seen seen;  // by the last scrape
    // Sums over the last page: over all of it, and over its counters and times.
    size_t moving = 0, counting = 0;
    Status status;
    std::map<std::string, metrics::Type> types;  // of the last good page
    metrics::Format format = metrics::Format::kText;
  };

  void start(size_t index);
  void finish(Target& target, net::HttpOutcome outcome);
  Result<> take_in(Target& target, const net::HttpReply& reply, Seen& seen, int64_t ms);
  void take_samples(Target& target, const metrics::Exposition& page, Seen& seen, int64_t ms);
  void note_failure(Target& target, const net::HttpOutcome& outcome, const Error& error);
  void end_of(const Target& target);
  void end_series(Target& target, const Seen& seen, int64_t ms);
  void keep_metadata(const metrics::Exposition& page);
  void add(Target& target, std::string_view name, int64_t ms, double value);

  net::HttpClient& client_;
  promql::SeriesStore& store_;
  std::vector<Target> targets_;
  WallOffset offset_;
  std::optional<net::PortRange> local_ports_;
  uint64_t round_ = 0;
  size_t waiting_ = 0;  // for targets of this round
  std::function<void()> done_;
  promapi::Api::MetadataMap metadata_;
};

// Job, instance and the target's own: what its page's series have, whatever the page says.
promql::Labels labels_of(const ScrapeTarget& target);
// Whether a series may be of the page with these labels. Those of a page may be some of those of another.
bool is_of(promql::LabelsView series, const promql::Labels& page);

// Two targets whose series could not be told apart are refused.
Result<> check_identities(const std::vector<ScrapeTarget>& targets);

// "10.0.0.1:8000" of "http://10.0.0.1:8000/metrics"; the scheme's port when none is given.
std::string instance_of(std::string_view url);

}  // namespace ordeal::watch
