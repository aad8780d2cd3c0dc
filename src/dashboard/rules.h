// Prometheus rules from an experiment and its objectives: an alert for each expectation that has a limit, alerts on
// Ordeal itself, and for each objective of events the burn-rate alerts of the Google SRE workbook, ch. 5 (both windows
// must exceed: 14.4 over 1 h and 5 m, 6 over 6 h and 30 m, 1 over 3 d and 6 h). Pure; the text is YAML.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/experiment.h"
#include "slo/openslo.h"

namespace ordeal::dashboard {

struct Rule {
  std::string alert;
  std::string expr;
  Nanos for_{0};
  std::string severity;  // page, ticket, info
  std::string summary;
  std::string window;  // a label that tells alerts of one name apart; "" is none
};
struct RuleGroup {
  std::string name;
  std::vector<Rule> rules;
};

std::vector<RuleGroup> rules_for(const std::optional<Experiment>& experiment, const std::vector<slo::Slo>& slos);
// What no rule could be made of, a sentence each: probes, and conditions without a limit.
std::vector<std::string> left_out(const Experiment& experiment);
std::string write_rules(const std::vector<RuleGroup>& groups);

}  // namespace ordeal::dashboard
