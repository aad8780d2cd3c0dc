#include "watch/prometheus_source.h"

#include <fmt/core.h>

#include "base/duration.h"
#include "base/text.h"
#include "watch/observe.h"
#include "watch/prometheus_api.h"

namespace ordeal::watch {

namespace {

using Kind = Observation::Kind;
constexpr Nanos kCheckTimeout = 5s;

Observation read(const net::HttpOutcome& outcome) {
  if (!outcome) {
    bool late = outcome.error().kind == net::HttpFailure::Kind::kTimeout;
    return trouble(late ? Kind::kTimedOut : Kind::kError, outcome.error().error.message());
  }
  auto answer = parse_query_answer(outcome->body);
  if (!answer) {
    // 503 is Prometheus' own time limit.
    return trouble(outcome->status == 503 ? Kind::kTimedOut : Kind::kError,
                   fmt::format("{} (HTTP {})", answer.error().message(), outcome->status));
  }
  Observation seen = observe(answer->result);
  for (const auto& warning : answer->warnings) seen.error += (seen.error.empty() ? "" : "; ") + warning;
  return seen;
}

std::string interval_warning(std::optional<Nanos> slowest, Nanos halt_within) {
  if (!slowest || *slowest <= halt_within) return "";
  return fmt::format(
      "this Prometheus scrapes only every {}: a breach can be seen no sooner; a halt within {} needs "
      "a shorter scrape_interval, or Ordeal's own scraper (sources.scrape)",
      format_duration(*slowest), format_duration(halt_within));
}

Result<std::string> body_of(const net::HttpOutcome& outcome) {
  if (!outcome) return tl::unexpected(outcome.error().error);
  return outcome->body;
}

}  // namespace

PrometheusSource::PrometheusSource(net::HttpClient& client, std::string base_url,
                                   std::optional<net::PortRange> local_ports)
    : client_(client), base_url_(std::move(base_url)), local_ports_(local_ports) {
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
}

net::HttpCall PrometheusSource::call(std::string path, Nanos timeout) const {
  net::HttpCall call;
  call.url = base_url_ + std::move(path);
  call.timeout = timeout;
  call.local_ports = local_ports_;
  return call;
}

void PrometheusSource::query(const std::string& text, Nanos timeout, std::function<void(Observation)> callback) {
  net::HttpCall request = call("/api/v1/query", timeout);
  request.method = "POST";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = fmt::format("query={}&timeout={:.3f}s", net::percent_encode(text), to_seconds(timeout));
  client_.start(std::move(request), [callback = std::move(callback)](net::HttpOutcome outcome) {
    Observation seen = read(outcome);
    if (outcome) seen.took = outcome->timings.total;
    callback(seen);
  });
}

void PrometheusSource::check(Nanos halt_within, std::function<void(Result<Info>)> callback) {
  auto on_targets = [callback, halt_within](Info info, const net::HttpOutcome& outcome) -> Result<Info> {
    std::string body = TRY(body_of(outcome));
    info.slowest_interval = TRY(parse_slowest_interval(body));
    info.warning = interval_warning(info.slowest_interval, halt_within);
    return info;
  };
  auto on_build = [](const net::HttpOutcome& outcome) -> Result<Info> {
    std::string body = TRY(body_of(outcome));
    return Info{TRY(parse_build_version(body)), std::nullopt, ""};
  };
  client_.start(call("/api/v1/status/buildinfo", kCheckTimeout), [=, this](net::HttpOutcome build) {
    auto info = on_build(build);
    if (!info) return callback(wrap(info.error(), "cannot use " + base_url_ + " as a Prometheus"));
    client_.start(call("/api/v1/targets?state=active", kCheckTimeout),
                  [=](net::HttpOutcome targets) { callback(on_targets(*info, targets)); });
  });
}

}  // namespace ordeal::watch
