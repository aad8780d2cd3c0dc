#include "interop/argo/run/analyses.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

Analysis of_rollout(const Rollout& rollout, AnalysisKind kind, const std::string& which,
                    const RolloutAnalysis& reference) {
  Analysis analysis;
  analysis.name = fmt::format("the {} analysis of the Rollout {}", which, rollout.name);
  analysis.rollout = &rollout;
  analysis.reference = &reference;
  analysis.kind = kind;
  analysis.refs = reference.templates;
  return analysis;
}

using Templates = std::vector<const Template*>;

void collect_names(const Manifest& manifest, const std::vector<TemplateRef>& refs, std::set<const Template*>& used) {
  for (const TemplateRef& ref : refs) {
    const Template* made = manifest.find(ref);
    if (!made || !used.insert(made).second) continue;
    collect_names(manifest, made->templates, used);
  }
}

Result<> take_given(const std::map<std::string, std::string>& given, Flattened& spec) {
  for (const auto& item : given) {
    auto known =
        std::find_if(spec.args.begin(), spec.args.end(), [&](const Argument& a) { return a.name == item.first; });
    if (known != spec.args.end()) {
      known->value = item.second;
      continue;
    }
    std::vector<std::string> names;
    for (const Argument& argument : spec.args) names.push_back(argument.name);
    return fail(Errc::kInvalidInput, fmt::format("--arg {}: the analysis has no such argument", item.first),
                names.empty() ? "it has none at all" : "it has " + join(names, ", "));
  }
  return {};
}

// What the Rollout gives, without what a person gives instead.
Result<std::vector<Argument>> rollout_arguments(const Analysis& analysis,
                                                const std::map<std::string, std::string>& given) {
  if (!analysis.rollout) return std::vector<Argument>{};
  std::vector<Argument> wanted;
  for (const Argument& argument : analysis.reference->args)
    if (!given.count(argument.name)) wanted.push_back(argument);
  return resolve_rollout_arguments(wanted, *analysis.rollout, {});
}

bool is_secret(const Argument& argument) { return argument.from && !argument.from->secret.empty(); }

// As in Argo a Secret wins over a value that stands beside it.
Result<> need_values(const std::vector<Argument>& args, const std::map<std::string, std::string>& given) {
  for (const Argument& argument : args) {
    if (argument.value && (!is_secret(argument) || given.count(argument.name))) continue;
    const ValueFrom& from = *argument.from;
    std::string where =
        from.secret.empty() ? "the cluster" : fmt::format("the Secret {} (key {})", from.secret, from.secret_key);
    return fail(Errc::kInvalidInput,
                fmt::format("args.{} comes from {}, which Ordeal does not read", argument.name, where),
                fmt::format("give --arg {}=VALUE", argument.name));
  }
  return {};
}

// The values that a person gives for what is in a Secret.
std::vector<std::string> secrets_of(const std::vector<Argument>& args,
                                    const std::map<std::string, std::string>& given) {
  std::vector<std::string> secrets;
  for (const Argument& argument : args)
    if (is_secret(argument) && given.count(argument.name)) secrets.push_back(given.at(argument.name));
  return secrets;
}

void add(const std::vector<std::string>& more, std::vector<std::string>& to) {
  for (const std::string& one : more)
    if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
}

Result<Templates> templates_of(const Manifest& manifest, const Analysis& analysis) {
  return analysis.run ? Templates{analysis.run} : follow(manifest, analysis.refs);
}

}  // namespace

std::vector<Analysis> analyses_of(const Rollout& rollout) {
  std::vector<Analysis> all;
  if (rollout.background)
    all.push_back(of_rollout(rollout, AnalysisKind::kBackground, "background", *rollout.background));
  for (size_t i = 0; i < rollout.steps.size(); ++i)
    if (const auto& analysis = rollout.steps[i].analysis)
      all.push_back(of_rollout(rollout, AnalysisKind::kStep, fmt::format("step {}", i), *analysis));
  if (rollout.pre_promotion)
    all.push_back(of_rollout(rollout, AnalysisKind::kPrePromotion, "pre-promotion", *rollout.pre_promotion));
  if (rollout.post_promotion)
    all.push_back(of_rollout(rollout, AnalysisKind::kPostPromotion, "post-promotion", *rollout.post_promotion));
  return all;
}

std::vector<Analysis> analyses_of(const Manifest& manifest) {
  std::vector<Analysis> all;
  std::set<const Template*> used;
  for (const Rollout& rollout : manifest.rollouts)
    for (Analysis& analysis : analyses_of(rollout)) {
      collect_names(manifest, analysis.refs, used);
      all.push_back(std::move(analysis));
    }
  for (const Template& made : manifest.templates) collect_names(manifest, made.templates, used);
  for (const std::vector<Template>* list : {&manifest.templates, &manifest.runs})
    for (const Template& made : *list) {
      if (used.count(&made)) continue;
      Analysis analysis;
      analysis.name = fmt::format("the {} {}", to_text(made.kind), made.name);
      bool is_run = made.kind == Template::Scope::kRun;
      if (is_run) analysis.run = &made;
      if (!is_run) analysis.refs = {{made.name, made.kind == Template::Scope::kClusterTemplate, made.origin}};
      all.push_back(std::move(analysis));
    }
  return all;
}

Result<std::set<std::string>> argument_names(const Manifest& manifest, const Analysis& analysis) {
  Flattened spec = TRY(flatten(TRY(templates_of(manifest, analysis))));
  std::set<std::string> names;
  for (const Argument& argument : spec.args) names.insert(argument.name);
  return names;
}

Result<RunSpec> prepare_analysis(const Manifest& manifest, const Analysis& analysis,
                                 const std::map<std::string, std::string>& given) {
  RunSpec made;
  made.templates = TRY(templates_of(manifest, analysis));
  made.terminated = analysis.run && analysis.run->terminate;
  made.spec = TRY(flatten(made.templates));
  if (analysis.reference) {
    TRY_VOID(add_rules(made.spec.dry_run, analysis.reference->dry_run, "dryRun"));
    TRY_VOID(add_rules(made.spec.retention, analysis.reference->retention, "measurementRetention"));
  }
  TRY_VOID(take_given(given, made.spec));
  std::vector<Argument> rest = TRY(rollout_arguments(analysis, given));
  made.spec.args = TRY(merge(rest, made.spec.args, &made.dropped));
  TRY_VOID(need_values(made.spec.args, given));
  made.secrets = secrets_of(made.spec.args, given);
  if (analysis.reference) add(secrets_of(analysis.reference->args, given), made.secrets);
  return made;
}

}  // namespace ordeal::argo
