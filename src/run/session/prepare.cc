#include "run/session/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/secrets.h"
#include "core/model/claim.h"
#include "core/model/input/assignment.h"
#include "core/model/input/inventory.h"
#include "fault/guard/newcomers.h"
#include "interop/argo/objects/bundle.h"
#include "interop/slo/expectations.h"
#include "judge/judge.h"
#include "platform/host/policy_file.h"
#include "platform/host/registry.h"
#include "run/rollback/rollback.h"
#include "run/session/argo_expect.h"
#include "run/session/cluster_keys.h"
#include "run/session/evidence_plan.h"
#include "run/session/exemptions.h"
#include "run/session/preview/loopback.h"
#include "run/session/watching.h"

namespace ordeal::session {
namespace {

// What is secret in it is known from now on, also where it stands without its name.
Result<std::string> read_secretly(const std::string& file, size_t limit = kMaxInputBytes) {
  auto text = read_input(file, limit);
  if (text) hide_in_output(secrets_in(*text));
  return text;
}

// `decode` on the document of a file that holds `text`; every error begins with the file's name.
template <typename Decode>
auto read_text(const std::string& file, const std::string& text, Decode decode)
    -> decltype(decode(std::declval<json::Document&>())) {
  auto document = json::parse_document(text);
  if (!document) return wrap(document.error(), file);
  auto decoded = decode(*document);
  if (!decoded) return wrap(decoded.error(), file);
  return decoded;
}

template <typename Decode>
auto read_document(const std::string& file, Decode decode) -> decltype(decode(std::declval<json::Document&>())) {
  return read_text(file, TRY(read_secretly(file)), decode);
}

// A file that `from` names lies beside it.
void resolve_slo(Experiment& experiment, const std::string& from) {
  if (experiment.budget)
    experiment.budget->slo =
        std::filesystem::absolute(std::filesystem::path(from).parent_path() / experiment.budget->slo);
}

// What a person says on the command line over what the files say.
Result<> change(json::Value& experiment, const RunOptions& options) {
  for (const std::string& assignment : options.set) {
    hide_in_output(secrets_in(assignment));
    if (auto done = assign(experiment, assignment); !done) return wrap(std::move(done).error(), "--set");
  }
  if (!options.length.empty())
    if (auto done = assign_length(experiment, options.length); !done) return wrap(std::move(done).error(), "--length");
  return {};
}

void override_experiment(const RunOptions& options, Experiment& experiment) {
  if (!options.prometheus.empty()) experiment.sources.prometheus = options.prometheus;
  if (options.no_rollback) experiment.rollback.reset();
  if (!experiment.seed) experiment.seed = Random::fresh_seed() >> 11;  // fits a JSON number
}

Result<> expect_objectives(const std::string& file, Prepared& prepared) {
  std::vector<slo::Slo> slos = TRY(read_openslo(file));
  for (const std::string& note : slo::notes_of(slos)) prepared.notes.push_back(fmt::format("{}: {}", file, note));
  for (Expectation& expectation : slo::expectations_of(slos)) {
    prepared.notes.push_back(fmt::format("\"{}\" is watched because of {}", expectation.name, file));
    prepared.experiment.expect.push_back(std::move(expectation));
  }
  return {};
}

Result<> refuse_args(const RunOptions& options) {
  if (options.args.empty()) return {};
  return fail(Errc::kInvalidInput, "--arg sets an argument of an Argo file, but --expect names none");
}

Result<> read_expectations(const RunOptions& options, Prepared& prepared) {
  std::string text = TRY(read_secretly(options.expect, argo::kMostBundleBytes));
  auto documents = argo::read_all(text);
  if (!documents) return wrap(documents.error(), options.expect);
  if (is_argo_file(*documents)) return expect_argo(options, *documents, prepared);
  TRY_VOID(refuse_args(options));
  if (slo::is_openslo(documents->front())) return expect_objectives(options.expect, prepared);
  TRY_VOID(read_text(options.expect, text, [&](json::Document& document) {
    prepared.expect_file = document.value;
    return merge_expectations(prepared.experiment, document);
  }));
  resolve_slo(prepared.experiment, options.expect);
  return {};
}

// The steps, when nobody is in their reach who may not be hit.
Result<std::vector<Step>> plan_one(const Prepared& prepared, const Victim& victim) {
  const Attack& attack = prepared.experiment.attack;
  std::vector<Step> steps = TRY(prepared.fault->plan(victim, attack, prepared.protection));
  fault::Reach reach = TRY(prepared.fault->reach(victim, attack));
  TRY_VOID(fault::refuse_protected_in(reach, prepared.protection));
  if (std::string watch = guard::in_words(reach, prepared.protection); !watch.empty() && !steps.empty())
    steps.front().notes.push_back(std::move(watch));
  return steps;
}

std::vector<VictimPlan> plan_each(const Prepared& prepared) {
  std::vector<VictimPlan> plans;
  for (const Victim& victim : prepared.selection.chosen) {
    VictimPlan plan;
    auto steps = plan_one(prepared, victim);
    if (steps) {
      plan.steps = std::move(*steps);
    } else {
      plan.refusal = steps.error();
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

void add(std::vector<fault::Demand>& demands, const fault::Demand& more) {
  auto same = std::find_if(demands.begin(), demands.end(), [&](auto& demand) { return demand.of == more.of; });
  if (same == demands.end()) return demands.push_back(more);
  same->asked += more.asked;
}

// Of the victims that can be hit.
std::vector<fault::Demand> demands_of(const Prepared& prepared) {
  std::vector<fault::Demand> demands;
  for (size_t i = 0; i < prepared.plans.size(); ++i) {
    if (prepared.plans[i].refusal) continue;
    auto demand = prepared.fault->demand(prepared.selection.chosen[i], prepared.experiment.attack);
    if (demand && *demand) add(demands, **demand);
  }
  return demands;
}

std::vector<std::string> claims_of(const VictimPlan& plan) {
  std::vector<std::string> claims;
  for (const Step& step : plan.steps) claims.insert(claims.end(), step.claims.begin(), step.claims.end());
  return claims;
}

std::optional<Error> overlap(const std::vector<std::string>& held, const std::vector<std::string>& wanted,
                             const std::string& other) {
  auto meeting = first_meeting(held, wanted, Between::kImpactsOfOneRun);
  if (!meeting) return std::nullopt;
  return Error{Errc::kRefused, fmt::format("{}, another victim, already holds {}", other, describe_meeting(*meeting)),
               0, "two victims share the same resource: choose one of them", nullptr};
}

// Two victims of this run, or one and what another run hits, must not be the same thing, nor one a part of the other.
void refuse_conflicts(Prepared& prepared, const std::vector<host::ActiveRun>& active) {
  std::vector<std::vector<std::string>> claims;
  for (VictimPlan& plan : prepared.plans) {
    claims.push_back(claims_of(plan));
    if (auto free = host::check_conflicts(active, claims.back()); !free && !plan.refusal) plan.refusal = free.error();
    for (size_t k = 0; k + 1 < claims.size() && !plan.refusal; ++k)
      plan.refusal = overlap(claims[k], claims.back(), prepared.selection.chosen[k].name);
  }
}

// The guard checks again at each impact; here a run is refused before it hits anybody.
Result<std::optional<std::string>> find_broken_cap(const Prepared& prepared,
                                                   const std::vector<host::ActiveRun>& active) {
  ActiveLoad load;
  for (const host::ActiveRun& run : active) load.runs += run.targets > 0, load.targets += run.targets;
  const target::Selection& selection = prepared.selection;
  for (const Policy& policy : prepared.policies)
    if (auto rule = cap_broken(policy, load, static_cast<int64_t>(selection.chosen.size()), selection.candidates))
      return rule;
  return std::nullopt;
}

// Asks only when the file wants it; what it says is a refusal, for `plan` to show.
Result<> weigh_budget(Prepared& prepared) {
  if (!prepared.experiment.budget) return {};
  const target::Selection& selection = prepared.selection;
  double blast =
      static_cast<double>(selection.chosen.size()) / static_cast<double>(std::max<int64_t>(selection.candidates, 1));
  auto checks = check_budget(prepared.experiment, std::min(blast, 1.0));
  if (!checks && checks.error().code == Errc::kInvalidInput) return tl::unexpected(checks.error());
  if (!checks) prepared.budget_refusal = checks.error();
  if (checks) prepared.budgets = std::move(*checks);
  if (auto allowed = enforce(prepared.budgets); !allowed) prepared.budget_refusal = allowed.error();
  return {};
}

std::vector<std::string> warnings_for(const Prepared& prepared) {
  std::vector<std::string> warnings;
  const Experiment& experiment = prepared.experiment;
  if (prepared.policies.empty())
    warnings.push_back("no policy: nothing limits the blast radius (write /etc/ordeal/policy.yaml, or give --policy)");
  if (experiment.expect.empty())
    warnings.push_back("no expectation: the run will be inconclusive (add `expect`, or give --expect FILE)");
  for (const std::string& note : prepared.selection.notes) warnings.push_back(note);
  for (std::string& sentence : half_filled_windows(prepared.experiment)) warnings.push_back(std::move(sentence));
  if (prepared.fault->info().hits_network)
    for (std::string& sentence : loopback_warnings(experiment.attack, prepared.selection.chosen))
      warnings.push_back(std::move(sentence));
  return warnings;
}

void check_rollback(Prepared& prepared) {
  if (!prepared.experiment.rollback) return;
  auto sendable = rollback::check(*prepared.experiment.rollback);
  if (!sendable) {
    prepared.rollback_refusal = sendable.error();
    return;
  }
  for (std::string& note : sendable->notes) prepared.notes.push_back(std::move(note));
  for (std::string& warning : sendable->warnings) prepared.warnings.push_back(std::move(warning));
}

// Whether the source answers, and whether what it gives can ever prove anything.
void check_watching(Prepared& prepared) {
  auto source = check_source(prepared.experiment);
  if (!source) prepared.source_refusal = source.error();
  prepared.sample_every = prepared.experiment.sources.interval;
  if (source && !source->warning.empty()) prepared.warnings.push_back(source->warning);
  if (source) prepared.sample_every = std::max(prepared.sample_every, source->slowest);
  if (source && 2 * source->slowest > prepared.experiment.attack.length)
    prepared.warnings.push_back(fmt::format(
        "the attack of {} may be over before each series was scraped twice (every {}): then nothing is proven",
        format_duration(prepared.experiment.attack.length), format_duration(source->slowest)));
  // A slow job may not be the one that the query reads: what is refused is certain.
  Nanos at_least = source ? source->fastest : Nanos(0);
  if (prepared.experiment.sources.prometheus.empty()) at_least = prepared.experiment.sources.interval;
  for (const Expectation& expectation : prepared.experiment.expect) {
    auto refusal = plan_evidence(prepared.experiment, expectation, at_least).refusal;
    if (refusal && !prepared.evidence_refusal) prepared.evidence_refusal = std::move(refusal);
  }
}

}  // namespace

Result<> check_expectations(const Experiment& experiment) {
  for (const Expectation& expectation : experiment.expect) TRY_VOID(judge::Judge::create(expectation));
  TRY_VOID(check_lasting(experiment));
  return check_queries(experiment);
}

Result<> read_experiment(const RunOptions& options, Prepared& prepared) {
  hide_in_output(secrets_in(options.prometheus));
  if (!options.prometheus.empty() && !is_http_url(options.prometheus))
    return fail(Errc::kInvalidInput,
                fmt::format("--prometheus: expected {}, found \"{}\"", kUrlExpected, options.prometheus));
  prepared.experiment = TRY(read_document(options.experiment, [&](json::Document& document) -> Result<Experiment> {
    TRY_VOID(change(document.value, options));
    prepared.file = document.value;
    return decode_experiment(document);
  }));
  resolve_slo(prepared.experiment, options.experiment);
  if (options.expect.empty()) TRY_VOID(refuse_args(options));
  if (!options.expect.empty()) TRY_VOID(read_expectations(options, prepared));
  override_experiment(options, prepared.experiment);
  return {};
}

std::vector<std::string> claims_of(const Prepared& prepared) {
  std::vector<std::string> all;
  for (const VictimPlan& plan : prepared.plans)
    for (std::string& claim : claims_of(plan)) all.push_back(std::move(claim));
  return all;
}

Result<Prepared> prepare(const RunOptions& options) {
  Prepared prepared;
  TRY_VOID(read_experiment(options, prepared));
  auto fault = fault::resolve(prepared.experiment.attack);
  if (!fault) return wrap(fault.error(), options.experiment);
  prepared.fault = *fault;
  if (auto checked = check_expectations(prepared.experiment); !checked)
    return wrap(checked.error(), options.expect.empty() ? options.experiment : options.expect);
  if (auto here = refuse_cluster_keys(prepared.experiment); !here) return wrap(here.error(), options.experiment);
  prepared.policies = TRY(host::read_policies(options.policies));
  for (const Policy& policy : prepared.policies) TRY_VOID(refuse_cluster_keys(policy));
  target::Inventory inventory;
  if (!options.inventory.empty()) {
    prepared.inventory = TRY(read_secretly(options.inventory));
    inventory = TRY(read_text(options.inventory, prepared.inventory, decode_inventory));
  }
  prepared.protection =
      TRY(fault::Protection::create(prepared.policies, inventory.value_or(std::vector<InventoryEntry>{})));
  prepared.selection =
      TRY(target::select(prepared.experiment.target, inventory, prepared.policies, *prepared.experiment.seed));
  if (prepared.fault->info().hits_network) prepared.exemptions = TRY(exemptions_for(prepared.experiment.sources));
  prepared.plans = plan_each(prepared);
  auto active = TRY(host::active_runs(TRY(host::Paths::find(options.state_dir))));
  refuse_conflicts(prepared, active);
  prepared.broken_cap = TRY(find_broken_cap(prepared, active));
  prepared.demands = demands_of(prepared);
  for (std::string& warning : warnings_for(prepared)) prepared.warnings.push_back(std::move(warning));
  check_rollback(prepared);
  check_watching(prepared);
  TRY_VOID(weigh_budget(prepared));
  return prepared;
}

}  // namespace ordeal::session
