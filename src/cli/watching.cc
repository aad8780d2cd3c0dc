#include "cli/watching.h"

#include <poll.h>

#include <algorithm>
#include <optional>

#include "cli/prepare.h"
#include "watch/source_watcher.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kHaltWithin = 1s;  // what Ordeal promises where its source is fast enough

}  // namespace

Result<> check_queries(const Experiment& experiment) { return watch::validate(experiment); }

Result<std::string> check_source(const Experiment& experiment) {
  bool asked = std::any_of(experiment.expect.begin(), experiment.expect.end(),
                           [](const Expectation& expectation) { return !expectation.query.empty(); });
  if (!asked || experiment.sources.prometheus.empty()) return std::string();
  net::HttpClient client = TRY(net::HttpClient::create());
  watch::PrometheusSource source(client, experiment.sources.prometheus, std::nullopt);
  std::optional<Result<watch::PrometheusSource::Info>> info;
  source.check(kHaltWithin, [&](Result<watch::PrometheusSource::Info> seen) { info = std::move(seen); });
  while (!info) {
    pollfd wait{client.descriptor(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    client.dispatch();
  }
  if (*info) return (*info)->warning;
  Error error = info->error();
  if (error.code != Errc::kInvalidInput) error.code = Errc::kNotInjected;
  return tl::unexpected(std::move(error));
}

Result<std::unique_ptr<Watcher>> make_watcher(const Experiment& experiment, Watcher::Callback callback) {
  watch::WatchOptions options;
  options.offset = WallOffset::measure();
  options.local_ports = net::PortRange{kWatcherFirstPort, kWatcherPorts};
  return TRY(watch::SourceWatcher::create(experiment, options, std::move(callback)));
}

}  // namespace ordeal::cli
