// Arguments: how {{args.…}} get their values: a Rollout's over a template's defaults, several templates
// made one, and the textual substitution in a metric.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "argo/objects/rollout.h"
#include "argo/objects/template.h"

namespace ordeal::argo {

// Several templates as one. Two metrics of one name, two defaults of one argument that differ, and two rules of one
// pattern are errors, as in Argo.
struct Flattened {
  std::vector<Argument> args;
  std::vector<MetricTemplate> metrics;
  std::vector<MetricRule> dry_run, retention;
};
Result<Flattened> flatten(const std::vector<const Template*>& templates);
// Rules of a Rollout's own are added to a template's.
Result<> add_rules(std::vector<MetricRule>& rules, const std::vector<MetricRule>& more, std::string_view kind);

// `given` over `known` by name; what is given and not known is dropped (and named in `dropped`). An argument that is
// left without a value is an error: "args.x was not resolved".
Result<std::vector<Argument>> merge(const std::vector<Argument>& given, const std::vector<Argument>& known,
                                    std::vector<std::string>* dropped = nullptr);

// What a Rollout's arguments stand for: pod hashes (by "Stable" and "Latest") and fields of the Rollout's own object.
// A hash that is not given is an error, so is a field that is not there.
Result<std::vector<Argument>> resolve_rollout_arguments(const std::vector<Argument>& args, const Rollout& rollout,
                                                        const std::map<std::string, std::string>& pod_hashes);

// The metric with its arguments filled in, everywhere in its text; every argument needs a value. Quotes, line breaks
// and so on in a value are escaped as Go does it; an unknown tag is an error: "failed to resolve {{…}}".
Result<Metric> resolve_metric(const MetricTemplate& metric, const std::vector<Argument>& args);
// The same of any text.
Result<std::string> substitute(std::string_view text, const std::map<std::string, std::string>& values);

// "*****" for each secret.
std::string redact(std::string text, const std::vector<std::string>& secrets);
Error redact(const Error& error, const std::vector<std::string>& secrets);

}  // namespace ordeal::argo
