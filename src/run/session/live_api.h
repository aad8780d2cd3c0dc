// LiveApi: while a run goes on, what it scrapes and its own metrics can be asked over HTTP (`ordeal run --listen`), for
// Grafana and promtool. It lives on a thread of its own, with a copy of the samples: no question, however large, holds
// up the run. While one is answered, kMostAdded samples wait to be taken in; what comes then is lost to it.
#pragma once

#include <memory>
#include <string>

#include "core/base/result.h"
#include "prometheus/metrics/registry.h"
#include "watch/scraping/api_server.h"

namespace ordeal::session {

class LiveApi {
 public:
  static constexpr size_t kMostAdded = 500'000;

  // Takes the address, "127.0.0.1:9464", and answers nobody yet. The registry, which is the page /metrics, must outlive
  // it. kInvalidInput says what is wrong with the flags.
  static Result<std::unique_ptr<LiveApi>> listen(const std::string& address, const std::string& token_file,
                                                 const metrics::Registry& registry, WallOffset offset);
  // Where signals are blocked already: the thread must take none. `interval` is that of the scraper.
  void start(Nanos interval);
  ~LiveApi();

  // A sample for the copy, from any thread.
  void add(const promql::Labels& labels, int64_t ms, double value);
  // What is known of the metrics by now, from any thread.
  void set_metadata(const promapi::Api::MetadataMap& metadata);
  // "http://127.0.0.1:9464/"
  std::string url() const;

 private:
  struct State;
  explicit LiveApi(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The content of a token file, trimmed, which must not be empty; "" without a file.
Result<std::string> read_token(const std::string& file);

}  // namespace ordeal::session
