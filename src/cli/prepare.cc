#include "cli/prepare.h"

#include <fmt/format.h>

#include "analysis/judge.h"
#include "base/duration.h"
#include "base/file.h"
#include "cli/exemptions.h"
#include "cli/watching.h"
#include "guard/policy_file.h"
#include "guard/registry.h"
#include "model/inventory.h"

namespace ordeal::cli {
namespace {

// `decode` on the document of a file; every error begins with the file's name.
template <typename Decode>
auto read_document(const std::string& file, Decode decode) -> decltype(decode(std::declval<json::Document&>())) {
  auto text = read_file(file);
  if (!text) return tl::unexpected(Error{Errc::kInvalidInput, text.error().message(), 0, "", nullptr});
  auto document = json::parse_document(*text);
  if (!document) return wrap(document.error(), file);
  auto decoded = decode(*document);
  if (!decoded) return wrap(decoded.error(), file);
  return decoded;
}

Result<Experiment> read_experiment(const RunOptions& options) {
  Experiment experiment = TRY(read_document(options.experiment, decode_experiment));
  if (!options.expect.empty())
    TRY_VOID(read_document(options.expect, [&](json::Document& d) { return merge_expectations(experiment, d); }));
  if (!options.prometheus.empty() && !is_http_url(options.prometheus))
    return fail(Errc::kInvalidInput,
                fmt::format("--prometheus: expected {}, found \"{}\"", kUrlExpected, options.prometheus));
  if (!options.prometheus.empty()) experiment.sources.prometheus = options.prometheus;
  if (!experiment.seed) experiment.seed = Random::fresh_seed() >> 11;  // fits a JSON number
  return experiment;
}

Result<> check_expectations(const Experiment& experiment) {
  for (const Expectation& expectation : experiment.expect) TRY_VOID(analysis::Judge::create(expectation));
  return check_queries(experiment);
}

std::vector<VictimPlan> plan_each(const Prepared& prepared) {
  std::vector<VictimPlan> plans;
  for (const Victim& victim : prepared.selection.chosen) {
    VictimPlan plan;
    auto steps = prepared.fault->plan(victim, prepared.experiment.attack);
    if (steps) {
      plan.steps = std::move(*steps);
    } else {
      plan.refusal = steps.error();
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

// The guard checks again at each impact; here a run is refused before it hits anybody.
Result<std::optional<std::string>> find_broken_cap(const Prepared& prepared, const std::string& state_dir) {
  ActiveLoad load;
  for (const guard::ActiveRun& run : TRY(guard::active_runs(TRY(guard::Paths::find(state_dir)))))
    load.runs += run.targets > 0, load.targets += run.targets;
  const target::Selection& selection = prepared.selection;
  for (const Policy& policy : prepared.policies)
    if (auto rule = cap_broken(policy, load, static_cast<int64_t>(selection.chosen.size()), selection.candidates))
      return rule;
  return std::nullopt;
}

std::vector<std::string> warnings_for(const Prepared& prepared) {
  std::vector<std::string> warnings;
  const Experiment& experiment = prepared.experiment;
  if (prepared.policies.empty())
    warnings.push_back("no policy: nothing limits the blast radius (write /etc/ordeal/policy.yaml, or give --policy)");
  if (experiment.expect.empty())
    warnings.push_back("no expectation: the run will be inconclusive (add `expect`, or give --expect FILE)");
  for (const std::string& note : prepared.selection.notes) warnings.push_back(note);
  return warnings;
}

}  // namespace

Result<Prepared> prepare(const RunOptions& options) {
  Prepared prepared;
  prepared.experiment = TRY(read_experiment(options));
  auto fault = fault::resolve(prepared.experiment.attack);
  if (!fault) return wrap(fault.error(), options.experiment);
  prepared.fault = *fault;
  if (auto checked = check_expectations(prepared.experiment); !checked)
    return wrap(checked.error(), options.expect.empty() ? options.experiment : options.expect);
  prepared.policies = TRY(guard::read_policies(options.policies));
  target::Inventory inventory;
  if (!options.inventory.empty()) inventory = TRY(read_document(options.inventory, decode_inventory));
  prepared.selection =
      TRY(target::select(prepared.experiment.target, inventory, prepared.policies, *prepared.experiment.seed));
  if (prepared.fault->info().hits_network) prepared.exemptions = TRY(exemptions_for(prepared.experiment.sources));
  prepared.plans = plan_each(prepared);
  prepared.broken_cap = TRY(find_broken_cap(prepared, options.state_dir));
  prepared.warnings = warnings_for(prepared);
  auto source = check_source(prepared.experiment);
  if (!source) prepared.source_refusal = source.error();
  if (source && !source->empty()) prepared.warnings.push_back(*source);
  return prepared;
}

}  // namespace ordeal::cli
