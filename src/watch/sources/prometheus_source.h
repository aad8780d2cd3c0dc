// PrometheusSource: asks a real Prometheus. Queries go as a form by POST, without a time, so that the server's clock
// counts. It cannot tell a series that ended from one that never was: both are an empty vector. Redirects are not
// followed, because the fault spares only the address of the URL as given. Nothing blocks: every question ends by its
// time-out, and an answer over kMostAnswer is an error.
#pragma once

#include <functional>
#include <optional>

#include "core/model/seams.h"
#include "platform/net/http_client.h"
#include "watch/sources/prometheus_api.h"

namespace ordeal::watch {

// Reading one this large keeps the loop busy for some 20 ms.
constexpr size_t kMostAnswer = size_t{1} << 20;

// A query that is a ratio, with its two sides as queries of their own, and what tells whether an empty numerator is 0.
struct RatioText {
  std::string whole, numerator, denominator;
  std::string wider;                               // the numerator without_values()
  std::function<std::string(Nanos ago)> selected;  // its selected_query()
};
// Nothing when it is no ratio.
std::optional<RatioText> ratio_text(const std::string& query);

// A question beyond a plain query, as Argo's analyses ask it.
struct PrometheusQuestion {
  struct Range {
    Nanos start{0}, end{0}, step{0};  // since the Unix epoch
  };
  std::string query;
  Nanos timeout = 30s;
  std::optional<Range> range;
  net::Headers headers;
  std::string login;  // "user:password"
  bool insecure = false;
  std::optional<Nanos> at;  // the instant that is asked for, since the Unix epoch; the source's own now when absent
};

// Who we are to a Prometheus that asks. Texts, never files; none of it is ever shown.
struct SourceLogin {
  std::string token;  // sent as "Authorization: Bearer"
  std::string login;  // "user:password"
  net::ClientTls tls;
  std::string tenant;  // sent as X-Scope-OrgID
};

class PrometheusSource {
 public:
  using Callback = std::function<void(Observation)>;
  struct Info {
    std::string version;                   // "" when it does not tell
    std::optional<SlowestScrape> slowest;  // nullopt when it does not tell
    std::optional<Nanos> fastest;          // likewise
    // What a person should know before the run; "" is nothing.
    std::string warning;
  };

  // The client must outlive the source. `base_url` as in http://prometheus:9090, a path prefix allowed.
  PrometheusSource(net::HttpClient& client, std::string base_url, std::optional<net::PortRange> local_ports,
                   SourceLogin login = {});

  void query(const std::string& text, Nanos timeout, Callback callback);
  // The answer as it came, without a judgement.
  void ask(const PrometheusQuestion& question, std::function<void(Result<QueryAnswer>)> callback);
  // An empty answer is judged by its sides (watch/ratio.h), asked side by side in what is left of the time.
  void query_ratio(const RatioText& ratio, Nanos timeout, Callback callback);
  // Reads version and scrape intervals. Fails when it does not answer (kTimeout, kSystem) or not as a Prometheus
  // (kInvalidInput). A reaction can be no faster than a scrape: the warning says so when one takes longer than
  // `halt_within`.
  void check(Nanos halt_within, std::function<void(Result<Info>)> callback);
  // Fails, as kInvalidInput, only when this Prometheus will never answer the query. Any other trouble is the run's.
  void check_query(const std::string& text, std::function<void(Result<>)> callback);

 private:
  net::HttpCall call(std::string path, Nanos timeout) const;
  net::HttpCall query_call(const std::string& text, Nanos timeout) const;
  void check_targets(Info info, Nanos halt_within, std::function<void(Result<Info>)> callback);

  net::HttpClient& client_;
  std::string base_url_;
  std::optional<net::PortRange> local_ports_;
  SourceLogin login_;
  BootTime began_ = boot_now();
};

}  // namespace ordeal::watch
