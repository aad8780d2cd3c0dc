#include "interop/slo/expectations.h"

#include <fmt/format.h>

#include "interop/slo/budget.h"

namespace ordeal::slo {
namespace {

using Method = Indicator::Method;

std::string rate_of(const std::string& counter) { return fmt::format("sum(rate({}[1m]))", selector_of(counter)); }

Expectation expectation_of(const Slo& slo, const Objective& objective) {
  const Indicator& indicator = slo.indicator;
  double target = objective.slice ? objective.slice_target : objective.target;
  bool counted = indicator.kind == Method::kGoodOfTotal || indicator.kind == Method::kBadOfTotal;
  bool good = indicator.kind == Method::kGoodOfTotal || indicator.kind == Method::kSuccessRatio;
  Expectation expectation;
  expectation.name = full_name(slo, objective);
  expectation.query = counted ? rate_of(indicator.part) + " / " + rate_of(indicator.total) : indicator.part;
  expectation.condition =
      good ? fmt::format("result >= {:.12g}", target) : fmt::format("result <= {:.12g}", 1 - target);
  if (indicator.kind == Method::kThreshold)
    expectation.condition = fmt::format("result {} {:.12g}", objective.op, objective.threshold);
  return expectation;
}

}  // namespace

std::vector<Expectation> expectations_of(const std::vector<Slo>& slos) {
  std::vector<Expectation> all;
  for (const Slo& slo : slos)
    for (const Objective& objective : slo.objectives) all.push_back(expectation_of(slo, objective));
  return all;
}

}  // namespace ordeal::slo
