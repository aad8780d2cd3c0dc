#include "cli/watching.h"

#include <algorithm>
#include <optional>

#include "cli/asking.h"
#include "cli/prepare.h"

namespace ordeal::cli {
namespace {

constexpr Nanos kHaltWithin = 1s;  // what Ordeal promises where its source is fast enough

Result<> ask_each_once(net::HttpClient& client, watch::PrometheusSource& source, const Experiment& experiment) {
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    const Expectation& expectation = experiment.expect[i];
    if (expectation.query.empty()) continue;
    std::optional<Result<>> known;
    source.check_query(expectation.query, [&](Result<> seen) { known = std::move(seen); });
    if (auto answer = wait_for(client, known); !answer) return watch::about_query(i, expectation, answer.error());
  }
  return {};
}

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
  auto known = wait_for(client, info);
  if (known) {
    TRY_VOID(ask_each_once(client, source, experiment));
    return known->warning;
  }
  Error error = known.error();
  if (error.code != Errc::kInvalidInput) error.code = Errc::kNotInjected;
  return tl::unexpected(std::move(error));
}

Result<std::unique_ptr<watch::SourceWatcher>> make_watcher(const Experiment& experiment, Watcher::Callback callback) {
  watch::WatchOptions options;
  options.offset = WallOffset::measure();
  options.local_ports = net::PortRange{kWatcherFirstPort, kWatcherPorts};
  return watch::SourceWatcher::create(experiment, options, std::move(callback));
}

}  // namespace ordeal::cli
