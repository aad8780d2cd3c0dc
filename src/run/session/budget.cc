#include "run/session/budget.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/io/wait.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
#include "core/model/input/experiment.h"
#include "platform/net/http_client.h"
#include "watch/sources/prometheus_source.h"

namespace ordeal::session {
namespace {

constexpr Nanos kAskFor = 30s;  // a window of a month takes a while
constexpr Nanos kToEnd = 2s;    // from the attack's planned end until nothing fails any more

// Ready for one question after the other.
class PrometheusQuerier {
 public:
  static Result<PrometheusQuerier> create(const std::string& url) {
    return PrometheusQuerier(TRY(net::HttpClient::create()), url);
  }

  // The one number of an answer; nullopt where there is no data, or NaN. What is set against each other is asked for
  // one instant.
  Result<std::optional<double>> number(const std::string& query, std::optional<Nanos> at = std::nullopt) {
    watch::PrometheusSource source(client_, url_, std::nullopt);
    std::optional<Result<watch::QueryAnswer>> answer;
    watch::PrometheusQuestion question{.query = query, .timeout = kAskFor, .at = at};
    source.ask(question, [&](Result<watch::QueryAnswer> seen) { answer = std::move(seen); });
    auto known = wait_for(client_, answer);
    if (!known) return wrap(known.error(), fmt::format("cannot ask {} for {}", without_password(url_), query));
    std::vector<double> numbers = known->result.numbers();
    if (numbers.size() > 1) return fail(Errc::kInvalidInput, fmt::format("expected one number of {}", query));
    return numbers.empty() || std::isnan(numbers[0]) ? std::nullopt : std::optional(numbers[0]);
  }

 private:
  PrometheusQuerier(net::HttpClient client, std::string url) : client_(std::move(client)), url_(std::move(url)) {}
  net::HttpClient client_;
  std::string url_;
};

Result<std::vector<slo::Burn>> ask_burns(PrometheusQuerier& querier, const slo::Slo& slo,
                                         const slo::Objective& objective) {
  std::vector<slo::Burn> burns;
  for (Nanos window : slo::burn_windows()) {
    if (objective.slice && window < *objective.slice) continue;
    slo::BudgetQueries queries = slo::queries_of(slo, objective, window);
    Nanos now = wall_now();
    auto bad = TRY(querier.number(queries.bad, now)), total = TRY(querier.number(queries.total, now));
    if (bad && total && *total > 0) burns.push_back({window, *bad / *total / (1 - objective.target)});
  }
  return burns;
}

// A source that cannot tell leaves the budget as known as it was.
std::optional<Nanos> ask_missing(PrometheusQuerier& querier, const slo::Slo& slo, Nanos span) {
  auto first = querier.number(slo::history_query(slo, span)).value_or(std::nullopt);
  return first ? slo::missing_history(span, *first, wall_now()) : std::nullopt;
}

Result<ObjectiveState> ask_objective(PrometheusQuerier& querier, const slo::Slo& slo, const slo::Objective& objective) {
  Nanos now = wall_now();
  slo::Span span = slo::span_of(slo.window, now);
  slo::BudgetQueries queries = slo::queries_of(slo, objective, span.elapsed);
  auto bad = TRY(querier.number(queries.bad, now)), total = TRY(querier.number(queries.total, now));
  ObjectiveState state;
  state.name = slo::full_name(slo, objective);
  auto budget = slo::make_budget(objective, span, bad, total);
  if (!budget) return wrap(budget.error(), fmt::format("\"{}\"", state.name));
  state.budget = *budget;
  state.unit = slo::unit_of(slo, objective);
  state.counts = objective.slice ? "slices" : state.unit ? "minutes" : "events";
  state.burns = TRY(ask_burns(querier, slo, objective));
  state.span = span.elapsed;
  state.missing = ask_missing(querier, slo, state.span);
  return state;
}

Result<double> ask_rate(PrometheusQuerier& querier, const slo::Slo& slo) {
  auto rate = TRY(querier.number(slo::rate_query(slo)));
  if (!rate) return fail(Errc::kNotFound, "nothing was counted in the last five minutes: the traffic is not known");
  return *rate;
}

// `cost` knows the run; what it may spoil is asked for.
Result<BudgetCheck> check_objective(PrometheusQuerier& querier, const slo::Slo& slo, const slo::Objective& objective,
                                    slo::Cost cost) {
  BudgetCheck check;
  check.state = TRY(ask_objective(querier, slo, objective));
  cost.unit = check.state.unit;
  if (!cost.unit) cost.rate = TRY(ask_rate(querier, slo));
  check.cost = cost.of(check.state.budget);
  return check;
}

std::vector<std::pair<const slo::Slo*, const slo::Objective*>> objectives_of(const std::vector<slo::Slo>& slos) {
  std::vector<std::pair<const slo::Slo*, const slo::Objective*>> all;
  for (const slo::Slo& slo : slos)
    for (const slo::Objective& objective : slo.objectives) all.emplace_back(&slo, &objective);
  return all;
}

// Whether the other objectives may be asked for all the same.
bool concerns_one(const Error& error) { return error.code != Errc::kTimeout && error.code != Errc::kSystem; }

}  // namespace

Result<std::vector<slo::Slo>> read_openslo(const std::string& file) {
  auto text = read_input(file);
  if (!text) return tl::unexpected(text.error());
  auto documents = json::parse_documents(*text);
  if (!documents) return wrap(documents.error(), file);
  auto slos = slo::decode_openslo(*documents);
  if (!slos) return wrap(slos.error(), file);
  return slos;
}

Result<std::vector<BudgetCheck>> check_budget(const Experiment& experiment, double blast) {
  const BudgetSpec& spec = *experiment.budget;
  auto slos = TRY(read_openslo(spec.slo));
  const std::string& prometheus = spec.prometheus.empty() ? experiment.sources.prometheus : spec.prometheus;
  if (prometheus.empty())
    return fail(Errc::kRefused, "the error budget is not known: there is no Prometheus to ask",
                "Give --prometheus URL, or budget.prometheus: one that keeps the whole window.");
  PrometheusQuerier querier = TRY(PrometheusQuerier::create(prometheus));
  std::vector<BudgetCheck> checks;
  for (const auto& [slo, objective] : objectives_of(slos)) {
    auto check = check_objective(querier, *slo, *objective, {experiment.attack.total() + kToEnd, blast, 0, {}});
    if (!check) {
      Error error = wrap(check.error(), "the error budget is not known").value();
      error.code = Errc::kRefused;
      return tl::unexpected(std::move(error));
    }
    check->reserve = spec.reserve / 100;
    checks.push_back(std::move(*check));
  }
  return checks;
}

Result<> ask_budgets(const std::vector<slo::Slo>& slos, const std::string& prometheus,
                     const std::function<void(const Result<ObjectiveState>&)>& each) {
  PrometheusQuerier querier = TRY(PrometheusQuerier::create(prometheus));
  for (const auto& [slo, objective] : objectives_of(slos)) {
    auto state = ask_objective(querier, *slo, *objective);
    if (!state && !concerns_one(state.error())) return tl::unexpected(state.error());
    each(state);
  }
  return {};
}

Result<> enforce(const std::vector<BudgetCheck>& checks) {
  for (const BudgetCheck& check : checks)
    if (!check.passes())
      return fail(
          Errc::kRefused, "the error budget does not allow it: " + in_words(check),
          "Shorten the attack, hit fewer victims, lower budget.reserve, or wait until the budget has recovered.");
  return {};
}

std::string in_words(const BudgetCheck& check) {
  std::string history = history_in_words(check.state);
  return fmt::format("{}: {}; this run may take {:.3g} % at worst, {:.3g} % must be left{}{}", check.state.name,
                     in_words(check.state), check.cost * 100, check.reserve * 100, history.empty() ? "" : "; ",
                     history);
}

json::Value to_json(const BudgetCheck& check) {
  return json::Object{{"objective", to_json(check.state)},
                      {"cost", check.cost},
                      {"reserve", check.reserve},
                      {"passes", check.passes()}};
}

json::Value to_json(const ObjectiveState& state) {
  json::Array burns;
  for (const slo::Burn& burn : state.burns)
    burns.push_back(json::Object{{"window", format_duration(burn.window)}, {"rate", burn.rate}});
  const slo::Budget& budget = state.budget;
  return json::Object{
      {"name", state.name},
      {"target", budget.target},
      {"period", format_duration(budget.period)},
      {"counts", state.counts},
      {"bad", budget.bad},
      {"total", budget.total},
      {"allowed", budget.allowed()},
      {"remaining", budget.remaining()},
      {"missing_history_s", state.missing ? json::Value(to_seconds(*state.missing)) : json::Value(nullptr)},
      {"burn", std::move(burns)}};
}

std::string history_in_words(const ObjectiveState& state) {
  if (!state.missing) return "";
  auto whole = [](Nanos length) {
    return format_duration(length < 1h ? Nanos(std::chrono::floor<seconds>(length))
                                       : Nanos(std::chrono::floor<std::chrono::minutes>(length)));
  };
  return fmt::format("the source has only the last {} of the window of {}: what happened before is not counted",
                     whole(state.span - *state.missing), whole(state.span));
}

std::string in_words(const ObjectiveState& state) {
  const slo::Budget& budget = state.budget;
  if (budget.remaining() < 0)
    return fmt::format("spent {:.3g} times over: {:.0f} bad {} where {:.0f} are allowed ({:.6g} % over {})",
                       1 - budget.remaining(), budget.bad, state.counts, budget.allowed(), budget.target * 100,
                       format_duration(budget.period));
  return fmt::format("{:.1f} % left of {:.0f} bad {} ({:.6g} % over {})", budget.remaining() * 100, budget.allowed(),
                     state.counts, budget.target * 100, format_duration(budget.period));
}

}  // namespace ordeal::session
