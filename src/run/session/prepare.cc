#include "run/session/prepare.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/base/duration.h"
#include "core/base/io/file.h"
#include "core/base/io/output.h"
#include "core/base/text/secrets.h"
#include "core/base/text/text.h"
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
#include "run/session/inputs/recorded_delays.h"
#include "run/session/preview/loopback.h"
#include "run/session/preview/quiet.h"
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

int64_t count_of(const PartPlan& part) { return static_cast<int64_t>(part.selection.chosen.size()); }

// The guard checks again at each impact; here a run is refused before it hits anybody.
Result<std::optional<std::string>> find_broken_cap(const Prepared& prepared,
                                                   const std::vector<host::ActiveRun>& active) {
  ActiveLoad load;
  for (const host::ActiveRun& run : active) load.runs += run.targets > 0, load.targets += run.targets;
  for (const Policy& policy : prepared.policies) {
    // A victim of two attacks counts once; each attack's own share is limited as well.
    auto rule = cap_broken(policy, load, static_cast<int64_t>(prepared.victims.size()), prepared.candidates);
    for (const PartPlan& part : prepared.parts)
      if (!rule) rule = cap_broken(policy, load, count_of(part), part.selection.candidates);
    if (rule) return rule;
  }
  return std::nullopt;
}

// Asks only when the file wants it; what it says is a refusal, for `plan` to show.
Result<> weigh_budget(Prepared& prepared) {
  if (!prepared.experiment.budget) return {};
  double blast =
      static_cast<double>(prepared.victims.size()) / static_cast<double>(std::max<int64_t>(prepared.candidates, 1));
  auto checks = check_budget(prepared.experiment, std::min(blast, 1.0));
  if (!checks && checks.error().code == Errc::kInvalidInput) return tl::unexpected(checks.error());
  if (!checks) prepared.budget_refusal = checks.error();
  if (checks) prepared.budgets = std::move(*checks);
  if (auto allowed = enforce(prepared.budgets); !allowed) prepared.budget_refusal = allowed.error();
  return {};
}

std::vector<Victim> hit_of(const PartPlan& part) {
  std::vector<Victim> hit;
  for (size_t i = 0; i < part.plans.size(); ++i)
    if (!part.plans[i].refusal) hit.push_back(part.selection.chosen[i]);
  return hit;
}

std::vector<std::string> warnings_for(const Prepared& prepared) {
  std::vector<std::string> warnings;
  const Experiment& experiment = prepared.experiment;
  if (prepared.policies.empty())
    warnings.push_back("no policy: nothing limits the blast radius (write /etc/ordeal/policy.yaml, or give --policy)");
  if (experiment.expect.empty())
    warnings.push_back("no expectation: the run will be inconclusive (add `expect`, or give --expect FILE)");
  for (const PartPlan& part : prepared.parts)
    for (const std::string& note : part.selection.notes)
      if (std::find(warnings.begin(), warnings.end(), note) == warnings.end()) warnings.push_back(note);
  for (const PartPlan& part : prepared.parts)
    if (!part.behind.empty())
      warnings.push_back(fmt::format(
          "{} cannot be checked before the first attack that cannot be undone, since {} holds what it hits; it is "
          "checked at its own time alone",
          part.name, part.behind));
  for (std::string& sentence : half_filled_windows(prepared.experiment)) warnings.push_back(std::move(sentence));
  for (const PartPlan& part : prepared.parts)
    if (part.fault->info().hits_network)
      for (std::string& sentence : loopback_warnings(part.stints.front().attack, part.selection.chosen))
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

const Target& target_of(const Experiment& experiment, const PartPlan& part) {
  return experiment.parts.empty() ? experiment.target : experiment.parts[part.stints.front().part].target;
}

// The peers of each part's attack, wherever the experiment has it.
void share_peers(Prepared& prepared) {
  Experiment& experiment = prepared.experiment;
  for (size_t i = 0; i < prepared.parts.size(); ++i) {
    const std::vector<Victim>& peers = prepared.parts[i].stints.front().attack.peers;
    if (experiment.parts.empty()) experiment.attack.peers = peers;
    if (i < experiment.parts.size()) experiment.parts[i].attack.peers = peers;
    for (Stint& stint : experiment.schedule)
      if (stint.part == i) stint.attack.peers = peers;
  }
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
  for (std::string& sentence : short_attacks(prepared.experiment, prepared.sample_every))
    prepared.warnings.push_back(std::move(sentence));
  // A slow job may not be the one that the query reads: what is refused is certain.
  Nanos at_least = source ? source->fastest : Nanos(0);
  if (prepared.experiment.sources.prometheus.empty()) at_least = prepared.experiment.sources.interval;
  for (const Expectation& expectation : prepared.experiment.expect) {
    auto refusal = plan_evidence(prepared.experiment, expectation, at_least).refusal;
    if (refusal && !prepared.evidence_refusal) prepared.evidence_refusal = std::move(refusal);
  }
}

// Of an attack that only looks: nobody is hit, and what is seen meanwhile decides.
Result<> prepare_looks(Prepared& prepared) {
  Experiment& experiment = prepared.experiment;
  const std::set<When> always = Expectation{}.when;
  for (const Expectation& expectation : experiment.expect)
    if (expectation.when != always && expectation.when != std::set<When>{When::kDuring})
      prepared.warnings.push_back(fmt::format(
          "\"{}\" is watched during the look: there is no attack before or after which it could be", expectation.name));
  for (Expectation& expectation : prepared.parts.front().fault->looks(experiment.attack))
    experiment.expect.push_back(std::move(expectation));
  for (Expectation& expectation : experiment.expect) expectation.when = {When::kDuring};
  if (experiment.rollback) prepared.warnings.push_back("nothing is rolled back after a look");
  experiment.rollback.reset();
  if (experiment.budget) prepared.warnings.push_back("no error budget is weighed for a look, which takes none");
  experiment.budget.reset();
  if (experiment.target.type != TargetType::kHost)
    prepared.warnings.push_back("the look is from this host, whatever `target` says");
  TRY_VOID(check_expectations(experiment));
  check_watching(prepared);
  return {};
}

}  // namespace

Result<> check_expectations(const Experiment& experiment) {
  for (const Expectation& expectation : experiment.expect) TRY_VOID(judge::Judge::create(expectation));
  TRY_VOID(check_lasting(experiment));
  return check_queries(experiment);
}

Result<> read_recorded_delays(Experiment& experiment, const std::string& from) {
  TRY_VOID(read_recorded_delays(experiment.attack, from));
  for (Part& part : experiment.parts) TRY_VOID(read_recorded_delays(part.attack, from));
  return {};
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
  if (auto read = read_recorded_delays(prepared.experiment, options.experiment); !read)
    return wrap(std::move(read).error(), options.experiment);
  if (options.expect.empty()) TRY_VOID(refuse_args(options));
  if (!options.expect.empty()) TRY_VOID(read_expectations(options, prepared));
  override_experiment(options, prepared.experiment);
  return {};
}

std::string Prepared::at_most() const {
  std::vector<std::string> each;
  for (const PartPlan& part : parts) each.push_back(part.name.empty() ? part.at_most : part.name + ": " + part.at_most);
  return join(each, "; ");
}

std::vector<std::string> claims_of(const Prepared& prepared) {
  std::vector<std::string> all;
  for (const PartPlan& part : prepared.parts)
    for (const VictimPlan& plan : part.plans)
      for (std::string& claim : claims_of(plan)) all.push_back(std::move(claim));
  return all;
}

bool hits_network(const Prepared& prepared) {
  return std::any_of(prepared.parts.begin(), prepared.parts.end(),
                     [](const PartPlan& part) { return part.fault->info().hits_network; });
}

Result<Prepared> prepare(const RunOptions& options) {
  Prepared prepared;
  TRY_VOID(read_experiment(options, prepared));
  auto parts = resolve_parts(prepared.experiment);
  if (!parts) return wrap(parts.error(), options.experiment);
  prepared.parts = std::move(*parts);
  if (auto checked = check_expectations(prepared.experiment); !checked)
    return wrap(checked.error(), options.expect.empty() ? options.experiment : options.expect);
  if (auto here = refuse_cluster_keys(prepared.experiment); !here) return wrap(here.error(), options.experiment);
  if (prepared.only_looks()) {
    TRY_VOID(prepare_looks(prepared));
    return prepared;
  }
  prepared.policies = TRY(host::read_policies(options.policies));
  for (const Policy& policy : prepared.policies) TRY_VOID(refuse_cluster_keys(policy));
  target::Inventory inventory;
  if (!options.inventory.empty()) {
    prepared.inventory = TRY(read_secretly(options.inventory));
    inventory = TRY(read_text(options.inventory, prepared.inventory, decode_inventory));
  }
  prepared.protection =
      TRY(fault::Protection::create(prepared.policies, inventory.value_or(std::vector<InventoryEntry>{})));
  for (PartPlan& part : prepared.parts)
    TRY_VOID(plan_part(part, target_of(prepared.experiment, part), inventory, prepared.policies,
                       *prepared.experiment.seed, prepared.protection));
  share_peers(prepared);
  prepared.victims = victims_of(prepared.parts);
  prepared.candidates = candidates_of(prepared.parts);
  if (hits_network(prepared)) prepared.exemptions = TRY(exemptions_for(prepared.experiment.sources));
  auto active = TRY(host::active_runs(TRY(host::Paths::find(options.state_dir))));
  refuse_conflicts(prepared.parts, active);
  find_behind(prepared.parts);
  prepared.broken_cap = TRY(find_broken_cap(prepared, active));
  prepared.demands = demands_of(prepared.parts);
  for (std::string& warning : warnings_for(prepared)) prepared.warnings.push_back(std::move(warning));
  for (const PartPlan& part : prepared.parts)
    for (std::string& sentence :
         quiet_warnings(part.fault->info(), part.stints.front().attack, hit_of(part), demands_of({&part, 1})))
      prepared.warnings.push_back(std::move(sentence));
  check_rollback(prepared);
  check_watching(prepared);
  TRY_VOID(weigh_budget(prepared));
  return prepared;
}

}  // namespace ordeal::session
