#include "cli/watching.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/duration.h"
#include "cli/asking.h"
#include "cli/prepare.h"
#include "promql/syntax/parser.h"

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

Nanos length_of(const promql::Duration& duration) { return milliseconds(duration.ms_in(0, 0, false).value_or(0)); }

Nanos longest_window(const promql::Expr& expr) {
  Nanos longest{0};
  if (const auto* matrix = std::get_if<promql::MatrixSelector>(&expr.node)) longest = length_of(matrix->range);
  if (const auto* subquery = std::get_if<promql::Subquery>(&expr.node)) longest = length_of(subquery->range);
  for (const promql::Expr* child : promql::children(expr)) longest = std::max(longest, longest_window(*child));
  return longest;
}

}  // namespace

std::vector<std::string> half_filled_windows(const Experiment& experiment) {
  std::vector<std::string> all;
  if (!experiment.sources.prometheus.empty()) return all;
  for (const Expectation& expectation : experiment.expect) {
    auto query = promql::parse(expectation.query);
    Nanos window = query ? longest_window(**query) : Nanos(0);
    if (window > experiment.baseline)
      all.push_back(fmt::format(
          "\"{}\" looks back over {}, and the baseline of {} fills only a part of that: give "
          "`baseline: {}`, or a shorter window",
          expectation.name, format_duration(window), format_duration(experiment.baseline), format_duration(window)));
  }
  return all;
}

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
