// Prometheus rules from an experiment and its objectives: an alert for each expectation that has a limit, one while
// Ordeal attacks, and for each objective of events the burn-rate alerts of the Google SRE workbook, ch. 5 (both windows
// must exceed: 14.4 over 1 h and 5 m, 6 over 6 h and 30 m, 1 over 3 d and 6 h). Pure; the text is YAML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/input/experiment.h"
#include "interop/slo/openslo.h"

namespace ordeal::dashboard {

struct Rule {
  std::string alert;
  std::string expr;
  Nanos for_{0};
  std::string severity;  // page, ticket, info
  std::string summary;   // as its labels' values a template of Go, in which outside text is escaped
  // Labels that tell alerts of one name apart.
  std::vector<std::pair<std::string, std::string>> labels;
};
struct RuleGroup {
  std::string name;
  std::vector<Rule> rules;
};

std::vector<RuleGroup> rules_for(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos);
// What no rule could be made of, a sentence each: probes, conditions without a limit, objectives of slices.
std::vector<std::string> left_out(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos);
std::string write_rules(const std::vector<RuleGroup>& groups);

}  // namespace ordeal::dashboard
