#include "app/cli/experiment/plan_parts.h"

#include <fmt/format.h>

#include "core/base/duration.h"
#include "core/base/io/output.h"
#include "judge/trigger_design.h"
#include "run/rollback/rollback.h"
#include "run/session/evidence_plan.h"
#include "watch/sources/source_watcher.h"

namespace ordeal::cli {
namespace {

// What will prove that it held, or why nothing can.
void print_evidence(const Experiment& experiment, const Expectation& expectation, Nanos sample_every) {
  session::EvidencePlan evidence = session::plan_evidence(experiment, expectation, sample_every);
  if (expectation.when.count(When::kDuring)) print("  evidence is {}\n", evidence.text);
  if (expectation.when == std::set{When::kAfter})
    print("  evidence is a reading of data from after the attack alone\n");
}

}  // namespace

void print_attack(const Attack& attack, const fault::Fault& fault) {
  print("Attack      {} for {}\n", attack.type, format_duration(attack.length));
  for (const ArgumentInfo& info : fault.info().arguments) {
    const json::Value* value = attack.args.if_contains(info.name);
    if (!value) continue;
    print("            {} = {}{}\n", info.name, json::write(*value),
          info.gremlin.empty() ? "" : "   (" + info.gremlin + ")");
  }
}

void print_expectation(const Experiment& experiment, const Expectation& expectation, Nanos sample_every) {
  print("Expect      {}: {}{}{}\n", expectation.name, expectation.condition,
        expectation.within ? fmt::format(", within {} of the start of each phase", format_duration(*expectation.within))
                           : "",
        expectation.halt ? ", a breach halts" : "");
  judge::TriggerDesign design = judge::design_trigger(expectation);
  using Signal = judge::TriggerDesign::Signal;
  if (design.kind == Signal::kExpression) print("  judged by the query as written ({})\n", design.text);
  if (design.kind == Signal::kGauge) print("  judged by the query as written: {}\n", design.text);
  print_evidence(experiment, expectation, sample_every);
  std::string from = watch::counted_from(expectation, experiment.sources);
  if (design.kind == Signal::kCounts && from.empty())
    print("  judged by the query as written (a counter without a name cannot be asked for)\n");
  if (!from.empty())
    print("  judged by the query as written, and by counting: a breach when {}\n    counted from {}\n", design.text,
          from);
}

void print_rollback(const std::vector<RollbackAction>& actions) {
  for (const RollbackAction& action : actions) {
    print("Rollback    {}, at most {}\n", to_text(action), format_duration(action.timeout));
    json::Object data = rollback::describe(action);
    const json::Value* calls = data.if_contains("calls");
    if (!calls) continue;
    for (const json::Value& call : calls->as_array())
      print("    call  {} {}\n          {}\n", std::string_view(call.at("method").as_string()),
            std::string_view(call.at("path").as_string()), json::write(call.at("body")));
  }
}

json::Object trigger_json(const Expectation& expectation) {
  judge::TriggerDesign design = judge::design_trigger(expectation);
  return {{"expectation", expectation.name}, {"kind", to_text(design.kind)}, {"text", design.text}};
}

}  // namespace ordeal::cli
