#include "interop/argo/check/expectations.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/expr/condition.h"
#include "interop/argo/check/lint_metric.h"
#include "interop/argo/check/validation.h"
#include "interop/argo/run/analyses.h"
#include "interop/argo/run/measurement.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::argo {
namespace {

Unexpected refuse(const Metric& metric, std::string_view field, const std::string& why) {
  return fail(Errc::kInvalidInput,
              fmt::format("line {}: {}: {}", line_in(metric.origin, field), path_in(metric.origin, field), why));
}

Result<std::string> condition_of(const Metric& metric) {
  const std::string &success = metric.success_condition, &failure = metric.failure_condition;
  if (success.empty() && failure.empty())
    return refuse(metric, "", "a metric without a condition cannot be an expectation: nothing could breach it");
  std::string negated = failure.empty() ? "" : "!" + grouped(failure);
  std::string text = failure.empty() ? success : success.empty() ? negated : grouped(success) + " && " + negated;
  const char* field = success.empty() ? "failureCondition" : "successCondition";
  if (auto parsed = expr::Condition::parse(text); !parsed) return refuse(metric, field, parsed.error().message());
  return text;
}

// Argo's language, where an author says what no data means.
bool accepts(const Metric& metric, const expr::List& result) {
  auto holds = [&](const std::string& text) -> std::optional<bool> {
    auto condition = expr::Condition::parse(text, expr::Dialect::kArgo);
    auto truth = condition ? condition->holds(expr::Value(result)) : Result<bool>(tl::unexpected(condition.error()));
    return truth ? std::optional(*truth) : std::nullopt;
  };
  if (!metric.success_condition.empty() && holds(metric.success_condition) != true) return false;
  return metric.failure_condition.empty() || holds(metric.failure_condition) == false;
}

// A NaN reading of a metric with only a failureCondition is Successful by accident; that is no decision.
bool data_may_be_missing(const Metric& metric) {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  bool nan = !metric.success_condition.empty() && accepts(metric, {kNaN});
  return nan || accepts(metric, {});
}

// At most a day.
Nanos lasting(Nanos interval, int64_t times) {
  if (interval <= Nanos(0)) return Nanos(0);
  return interval > Nanos(24h) / times ? Nanos(24h) : interval * times;
}

class Deriver {
 public:
  Deriver(const Manifest& manifest, const DeriveOptions& options) : manifest_(manifest), options_(options) {}

  Result<Derived> run() {
    for (const Analysis& analysis : analyses_of(manifest_)) TRY_VOID(take(analysis));
    for (const auto& arg : options_.args)
      if (!known_.count(arg.first))
        return fail(Errc::kInvalidInput,
                    fmt::format("--arg {}: no analysis of the file has such an argument", arg.first));
    if (made_.expect.empty()) return fail(Errc::kInvalidInput, "the file describes no metric that could be watched");
    for (const Rollout& rollout : manifest_.rollouts)
      if (!analyses_of(rollout).empty()) made_.rollouts.push_back(&rollout);
    return std::move(made_);
  }

 private:
  // Of several analyses each takes the arguments that it knows.
  Result<RunSpec> prepare(const Analysis& analysis) {
    std::map<std::string, std::string> given;
    for (const std::string& name : TRY(argument_names(manifest_, analysis))) {
      auto arg = options_.args.find(name);
      if (arg != options_.args.end()) given.insert(*arg), known_.insert(name);
    }
    return prepare_analysis(manifest_, analysis, given);
  }

  Result<> take(const Analysis& analysis) {
    RunSpec spec = TRY(prepare(analysis));
    if (spec.terminated) {
      made_.notes.push_back(fmt::format("{} is terminated and measures nothing", analysis.name));
      return {};
    }
    auto taken = take(analysis, spec);
    if (!taken) return tl::unexpected(redact(taken.error(), spec.secrets));
    return {};
  }

  Result<> take(const Analysis& analysis, const RunSpec& spec) {
    std::vector<Metric> metrics;
    for (const MetricTemplate& metric : spec.spec.metrics)
      metrics.push_back(TRY(resolve_metric(metric, spec.spec.args)));
    for (const Metric& metric : metrics) TRY_VOID(refuse_secrets(metric, spec.secrets));
    TRY_VOID(validate_metrics(metrics));
    auto dry_run = TRY(matching(spec.spec.dry_run, metrics, "dryRun"));
    for (const std::string& name : spec.dropped)
      made_.warnings.push_back(
          fmt::format("{}: no template has an argument \"{}\"; it is dropped", analysis.name, name));
    for (const Metric& metric : metrics) {
      if (!dry_run.count(metric.name)) {
        TRY_VOID(add(analysis, metric));
      } else {
        made_.notes.push_back(fmt::format("the metric \"{}\" is a dry run and is not watched", metric.name));
      }
    }
    return {};
  }

  // What becomes part of an expectation is shown and kept in the record. A login is neither.
  Result<> refuse_secrets(const Metric& metric, const std::vector<std::string>& secrets) const {
    auto holds = [&](const std::string& text) { return redact(text, secrets) != text; };
    const std::pair<const char*, const std::string*> kShown[] = {
        {"name", &metric.name},
        {"successCondition", &metric.success_condition},
        {"failureCondition", &metric.failure_condition},
        {"interval", &metric.interval},
        {"provider.prometheus.query", &metric.prometheus.query},
        {"provider.prometheus.address", options_.own_source ? nullptr : &metric.prometheus.address}};
    for (auto [field, text] : kShown)
      if (text && holds(*text))
        return refuse(metric, field,
                      "it holds the value of a Secret, which a run would show and keep (`ordeal analysis` runs it)");
    return {};
  }

  Result<> add(const Analysis& analysis, const Metric& metric) {
    Expectation expectation;
    expectation.name = metric.name;
    expectation.query = std::string(trim(metric.prometheus.query));
    expectation.condition = TRY(condition_of(metric));
    expectation.when = {When::kBefore, When::kDuring};
    expectation.no_data = data_may_be_missing(metric) ? NoData::kPass : NoData::kHold;
    int64_t limit = metric.failure_limit.value_or(0);
    expectation.halt = limit >= 0;
    expectation.for_ = Nanos(0);
    if (limit > 0 && !metric.interval.empty())
      expectation.for_ = lasting(TRY(parse_go_duration(metric.interval)), limit);
    if (metric.prometheus.range)
      return refuse(metric, "provider.prometheus.rangeQuery",
                    "a range query cannot be an expectation (`ordeal analysis` runs it)");
    TRY_VOID(take_source(metric));
    for (const Expectation& other : made_.expect) {
      if (other.name != expectation.name) continue;
      if (other.query == expectation.query && other.condition == expectation.condition) return {};
      expectation.name += fmt::format(" ({})", analysis.name);
    }
    describe(analysis, metric, expectation);
    made_.expect.push_back(std::move(expectation));
    return {};
  }

  Result<> take_source(const Metric& metric) {
    if (options_.own_source) return {};
    Question question = TRY(question_of(metric, options_.environment_address, Nanos(0)));
    const PrometheusProvider& provider = metric.prometheus;
    constexpr const char* kHint = "give --prometheus URL, which may hold user and password";
    const char* beyond = !provider.headers.empty()    ? "headers"
                         : !provider.username.empty() ? "authentication"
                         : provider.insecure          ? "insecure"
                                                      : nullptr;
    if (beyond)
      return fail(Errc::kInvalidInput,
                  fmt::format("line {}: {}: a run cannot ask with {} (`ordeal analysis` can)",
                              line_in(metric.origin, "provider.prometheus"),
                              path_in(metric.origin, fmt::format("provider.prometheus.{}", beyond)), beyond),
                  kHint);
    if (!made_.prometheus.empty() && made_.prometheus != question.address)
      return fail(Errc::kInvalidInput,
                  fmt::format("the metrics ask two servers, {} and {}; a run asks one",
                              without_password(made_.prometheus), without_password(question.address)),
                  "give --prometheus URL");
    made_.prometheus = question.address;
    return {};
  }

  void describe(const Analysis& analysis, const Metric& metric, const Expectation& expectation) {
    std::string text = fmt::format("\"{}\" is watched because of {}", expectation.name, analysis.name);
    if (expectation.for_ && *expectation.for_ > Nanos(0))
      text += fmt::format("; it must be violated for {} (failureLimit {} x {}) to be a breach",
                          format_duration(*expectation.for_), *metric.failure_limit, metric.interval);
    if (!expectation.halt) text += "; failureLimit is -1, so a breach does not halt";
    if (expectation.no_data == NoData::kPass) text += "; without data it passes, as its condition says";
    made_.notes.push_back(text);
    warn_of_list(metric);
  }

  void warn_of_list(const Metric& metric) {
    auto query = promql::parse(metric.prometheus.query);
    if (!query || (*query)->kind() != promql::ValueKind::kVector) return;
    for (auto [field, text] : {std::pair{"successCondition", &metric.success_condition},
                               std::pair{"failureCondition", &metric.failure_condition}}) {
      auto condition = text->empty() ? Result<expr::Condition>(fail(Errc::kInvalidInput, ""))
                                     : expr::Condition::parse(*text, expr::Dialect::kArgo);
      if (!condition || !condition->uses_bare_result()) continue;
      made_.warnings.push_back(
          fmt::format("\"{}\" compares a vector with a number: Ordeal compares each element, a real Argo ends every "
                      "measurement in Error and aborts a healthy rollout; write {}: {}",
                      *text, field, index_bare_results(*text)));
    }
  }

  const Manifest& manifest_;
  const DeriveOptions& options_;
  Derived made_;
  std::set<std::string> known_;  // of the arguments that were given
};

}  // namespace

Result<Derived> derive_expectations(const Manifest& manifest, const DeriveOptions& options) {
  return Deriver(manifest, options).run();
}

}  // namespace ordeal::argo
