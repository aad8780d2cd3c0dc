#include "run/session/watching.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "core/base/duration.h"
#include "core/base/io/wait.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"
#include "run/session/prepare.h"
#include "watch/evidence/evidence.h"
#include "watch/evidence/unseen.h"

namespace ordeal::session {
namespace {

constexpr Nanos kAskAtMost = 2s;
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

std::string selector_of(const std::vector<promql::Matcher>& matchers) {
  promql::Expr expr;
  expr.node = promql::VectorSelector{"", matchers, {}};
  return promql::print(expr);
}

// Only what begins as `like` does is asked for: a Prometheus may have ten thousand names.
std::string like_it(const std::string& label, const std::string& like) {
  constexpr size_t kBeginning = 3;
  std::string beginning;
  for (char c : like.substr(0, kBeginning))
    if (std::isalnum(static_cast<unsigned char>(c)) || c == '_') beginning += c;
  return fmt::format("{{{}=~\"{}.+\"}}", label, beginning);
}

// One question after another; what it does not answer is an error, and then nothing is known.
class AskedSeries {
 public:
  AskedSeries(net::HttpClient& client, watch::PrometheusSource& source) : client_(client), source_(source) {}

  watch::KnownSeries known() {
    using Matchers = std::vector<promql::Matcher>;
    watch::KnownSeries known;
    known.any = [this](const Matchers& matchers) -> Result<bool> {
      return !TRY(ask(fmt::format("count({})", selector_of(matchers)))).vector.empty();
    };
    known.values = [this](const std::string& label, const Matchers& matchers,
                          const std::string& like) -> Result<std::vector<std::string>> {
      std::string from = matchers.empty() ? like_it(label, like) : selector_of(matchers);
      std::vector<std::string> values;
      for (const auto& element : TRY(ask(fmt::format("group by ({}) ({})", label, from))).vector)
        values.emplace_back(element.labels.get(label));
      return values;
    };
    known.labels = [this](const Matchers& matchers) -> Result<std::vector<std::string>> {
      std::set<std::string> names;
      for (const auto& element : TRY(ask(fmt::format("topk(100, {})", selector_of(matchers)))).vector)
        for (const auto& [name, value] : element.labels) names.emplace(name);
      return std::vector<std::string>(names.begin(), names.end());
    };
    return known;
  }

 private:
  Result<promql::QueryResult> ask(const std::string& query) {
    std::optional<Result<watch::QueryAnswer>> known;
    source_.ask({.query = query, .timeout = kAskAtMost},
                [&](Result<watch::QueryAnswer> seen) { known = std::move(seen); });
    return wait_for(client_, known).map([](watch::QueryAnswer answer) { return std::move(answer.result); });
  }

  net::HttpClient& client_;
  watch::PrometheusSource& source_;
};

std::string unseen_by(const watch::KnownSeries& known, const Expectation& expectation) {
  auto query = promql::parse(expectation.query);
  if (expectation.query.empty() || !query || !expectation.expect_series) return "";
  auto seen = watch::look_up(**query, known);
  return seen ? seen->unseen : "";
}

Result<> look_up_each(net::HttpClient& client, watch::PrometheusSource& source, const Experiment& experiment) {
  AskedSeries asked(client, source);
  watch::KnownSeries known = asked.known();
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    const Expectation& expectation = experiment.expect[i];
    std::string unseen = unseen_by(known, expectation);
    if (!unseen.empty())
      return watch::about_query(i, expectation, {Errc::kNotInjected, unseen, 0, kCorrectTheQuery, nullptr});
  }
  return {};
}

}  // namespace

std::vector<std::string> half_filled_windows(const Experiment& experiment) {
  std::vector<std::string> all;
  if (!experiment.sources.prometheus.empty()) return all;
  for (const Expectation& expectation : experiment.expect) {
    auto query = promql::parse(expectation.query);
    Nanos window = query ? watch::needs_of(**query).window : Nanos(0);
    if (window > experiment.baseline)
      all.push_back(fmt::format(
          "\"{}\" looks back over {}, and the baseline of {} fills only a part of that: give "
          "`baseline: {}`, or a shorter window",
          expectation.name, format_duration(window), format_duration(experiment.baseline), format_duration(window)));
  }
  return all;
}

std::string unseen_in_prometheus(const Experiment& experiment, const Expectation& expectation) {
  auto client = net::HttpClient::create();
  if (!client || experiment.sources.prometheus.empty()) return "";
  watch::PrometheusSource source(*client, experiment.sources.prometheus, std::nullopt);
  AskedSeries asked(*client, source);
  return unseen_by(asked.known(), expectation);
}

Result<> check_queries(const Experiment& experiment) { return watch::validate(experiment); }

Result<SourceCheck> check_source(const Experiment& experiment, const watch::SourceLogin& login, bool only_outward) {
  bool asked = std::any_of(experiment.expect.begin(), experiment.expect.end(),
                           [](const Expectation& expectation) { return !expectation.query.empty(); });
  if (!asked || experiment.sources.prometheus.empty()) return SourceCheck{};
  net::HttpClient client = TRY(net::HttpClient::create());
  if (only_outward) client.only_outward();
  watch::PrometheusSource source(client, experiment.sources.prometheus, std::nullopt, login);
  std::optional<Result<watch::PrometheusSource::Info>> info;
  source.check(kHaltWithin, [&](Result<watch::PrometheusSource::Info> seen) { info = std::move(seen); });
  auto known = wait_for(client, info);
  if (known) {
    TRY_VOID(ask_each_once(client, source, experiment));
    TRY_VOID(look_up_each(client, source, experiment));
    SourceCheck check{known->warning};
    if (known->fastest) check.fastest = *known->fastest;
    if (known->slowest) check.slowest = known->slowest->interval;
    return check;
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

}  // namespace ordeal::session
