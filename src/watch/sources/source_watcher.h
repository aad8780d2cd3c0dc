// SourceWatcher: the Watcher of `ordeal run`. Queries go to the Prometheus of the experiment's sources, or, without
// one, to Ordeal's own scraper and its store; probes go straight out. What the fast trigger counts is read from the
// scraped pages where there are any, else from the Prometheus. Nothing blocks. A look ends by its deadline
// (the probe's time-out, or query_timeout) as kTimedOut, however slow or dead the source is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/input/experiment.h"
#include "core/model/seams.h"
#include "platform/net/http_client.h"
#include "prometheus/metrics/sample.h"
#include "watch/scraping/scraper.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::watch {

struct WatchOptions {
  WallOffset offset;
  Nanos query_timeout = 1s;
  // Scrapes and queries leave from these ports, so that a fault can exempt them; probes never do.
  std::optional<net::PortRange> local_ports;
  SourceLogin login{};  // to the Prometheus
  // The URLs are a stranger's: nothing of this host or its link is asked.
  bool only_outward = false;
  // Samples and series that one look may touch (promql::EvalOptions); 0 is no limit but the evaluator's own.
  size_t most_work = 0;
};

// The error, said of the query of expect[index].
Unexpected about_query(size_t index, const Expectation& expectation, Error error);

// Where what the expectation's series count is read from: "the scraped pages", "the Prometheus", or "" where nothing is
// counted, also because a counter has no name to ask for.
std::string counted_from(const Expectation& expectation, const Sources& sources);

// Whether each query can be parsed and compared and, on the own scraper, evaluated. An error names the expectation
// and the column. For the moment when the file is loaded.
Result<> validate(const Experiment& experiment);

class SourceWatcher : public Watcher {
 public:
  // Runs validate(). Pages are scraped at each look, of whatever kind; `callback` must not destroy the watcher.
  static Result<std::unique_ptr<SourceWatcher>> create(const Experiment& experiment, const WatchOptions& options,
                                                       Callback callback);
  ~SourceWatcher() override;

  void look(size_t index, BootTime since) override;
  int descriptor() const override;
  void dispatch() override;

  // A page of the own scraper that is not asked any more (Scraper::drop).
  void drop_page(const std::string& url);
  // Of the own scraper.
  std::vector<Scraper::Status> scrapes() const;
  const promql::SeriesStore& store() const;
  // Of the scraped metrics; empty without a scraper.
  const promapi::Api::MetadataMap& metadata() const;
  // Called with every sample that is kept.
  void set_listener(promql::SeriesStore::Listener listener);
  // Keeps samples of our own beside the scraped ones, as of now.
  void record(const std::vector<metrics::Family>& families);

 private:
  struct Impl;
  explicit SourceWatcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ordeal::watch
