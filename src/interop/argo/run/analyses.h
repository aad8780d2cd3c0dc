// Analyses: which analyses a manifest describes, each with what it takes to run it: those of its Rollouts, its
// AnalysisRuns, and the templates that no Rollout of it refers to.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "interop/argo/effect/rollout_effect.h"
#include "interop/argo/objects/manifest.h"
#include "interop/argo/run/arguments.h"

namespace ordeal::argo {

struct Analysis {
  std::string name;                  // "the background analysis of the Rollout api", "the AnalysisTemplate error-rate"
  const Rollout* rollout = nullptr;  // null for a template or run that stands alone
  const RolloutAnalysis* reference = nullptr;
  AnalysisKind kind = AnalysisKind::kBackground;  // of a Rollout's
  std::vector<TemplateRef> refs;                  // of a Rollout's, or the template itself
  const Template* run = nullptr;                  // of an AnalysisRun
};
// In the file's order; nothing is followed yet.
std::vector<Analysis> analyses_of(const Manifest& manifest);
// Those of one Rollout.
std::vector<Analysis> analyses_of(const Rollout& rollout);

struct RunSpec {
  Flattened spec;  // every argument has a value
  std::vector<const Template*> templates;
  std::vector<std::string> secrets;  // values that must not be shown
  std::vector<std::string> dropped;  // arguments of the Rollout that no template knows
  bool terminated = false;           // spec.terminate of a run: it ends before it measures
};
// The arguments that an analysis knows.
Result<std::set<std::string>> argument_names(const Manifest& manifest, const Analysis& analysis);
// `given` is by a person (--arg) and wins, then a Secret, then a value, the Rollout's before the template's; a name
// that the analysis does not know is an error. A value that only a cluster knows (a Secret, a pod hash) must be among
// them.
Result<RunSpec> prepare_analysis(const Manifest& manifest, const Analysis& analysis,
                                 const std::map<std::string, std::string>& given);

}  // namespace ordeal::argo
