// LiveApi: while a run goes on, what it scrapes and its own metrics can be asked over HTTP (`ordeal run --listen`), for
// Grafana and promtool. It lives on a thread of its own, with a copy of the samples: no question, however large, holds
// up the run. Start it where signals are blocked already.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "metrics/registry.h"
#include "watch/api_server.h"

namespace ordeal::cli {

class LiveApi {
 public:
  // The registry, which is the page /metrics, must outlive it.
  static Result<std::unique_ptr<LiveApi>> start(watch::ApiServerOptions options, const metrics::Registry& registry);
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

// From the flags of `ordeal run`; tries whether the address is free. kInvalidInput says what is wrong with it.
Result<watch::ApiServerOptions> read_listen(const std::string& listen, const std::string& token_file);

// The content of a token file, trimmed; "" without a file.
Result<std::string> read_token(const std::string& file);

}  // namespace ordeal::cli
