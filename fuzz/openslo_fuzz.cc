// An OpenSLO file never crashes the decoder, and whatever decodes gives queries that parse, panels and rules.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "interop/dashboard/grafana.h"
#include "interop/dashboard/rules.h"
#include "interop/slo/budget.h"
#include "interop/slo/expectations.h"
#include "prometheus/promql/syntax/parser.h"

namespace {

using namespace ordeal;

void must_parse(const std::string& query) {
  if (!promql::parse(query)) __builtin_trap();
}

void check(const slo::Slo& slo, const slo::Objective& objective) {
  slo::Span span = slo::span_of(slo.window, std::chrono::seconds(1'790'000'000));
  if (span.elapsed > span.period || span.elapsed <= Nanos(0)) __builtin_trap();
  for (Nanos length : slo::burn_windows()) {
    slo::BudgetQueries queries = slo::queries_of(slo, objective, length);
    must_parse(queries.bad);
    must_parse(queries.total);
  }
  if (!slo::unit_of(slo, objective)) must_parse(slo::rate_query(slo));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto documents = json::parse_documents({reinterpret_cast<const char*>(data), size});
  if (!documents) return 0;
  auto slos = slo::decode_openslo(*documents);
  if (!slos) return 0;
  for (const slo::Slo& slo : *slos)
    for (const slo::Objective& objective : slo.objectives) check(slo, objective);
  Experiment experiment;
  experiment.expect = slo::expectations_of(*slos);
  dashboard::write_rules(dashboard::rules_for(experiment, *slos));
  dashboard::grafana_dashboard("fuzz", "fuzz", dashboard::panels_for(experiment, *slos));
  return 0;
}
