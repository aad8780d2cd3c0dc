// PrometheusSource: asks a real Prometheus. Queries go as a form by POST, without a time, so that the server's clock
// counts. It cannot tell a series that ended from one that never was: both are an empty vector.
#pragma once

#include <functional>
#include <optional>

#include "model/seams.h"
#include "net/http_client.h"

namespace ordeal::watch {

class PrometheusSource {
 public:
  struct Info {
    std::string version;
    std::optional<Nanos> slowest_interval;  // of its scrapes
    // What a person should know before the run; "" is nothing.
    std::string warning;
  };

  // The client must outlive the source. `base_url` as in http://prometheus:9090, a path prefix allowed.
  PrometheusSource(net::HttpClient& client, std::string base_url, std::optional<net::PortRange> local_ports);

  void query(const std::string& text, Nanos timeout, std::function<void(Observation)> callback);
  // Reads version and scrape intervals; fails when it does not answer as a Prometheus. A reaction can be no faster
  // than a scrape: the warning says so when one takes longer than `halt_within`.
  void check(Nanos halt_within, std::function<void(Result<Info>)> callback);

 private:
  net::HttpCall call(std::string path, Nanos timeout) const;

  net::HttpClient& client_;
  std::string base_url_;
  std::optional<net::PortRange> local_ports_;
};

}  // namespace ordeal::watch
