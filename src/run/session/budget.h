// The error budgets of an OpenSLO file, as a Prometheus tells them, and what a run would take of them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "interop/slo/budget.h"

namespace ordeal::session {

struct ObjectiveState {
  std::string name;  // "Payments succeed: three nines"
  slo::Budget budget;
  const char* counts = "events";  // what bad and total are of: events, slices, minutes
  std::optional<Nanos> unit;      // of slices and minutes
  std::vector<slo::Burn> burns;   // those of whose window something is known
  Nanos span{0};                  // what was asked for: the whole of a rolling window, or what has passed of another
  std::optional<Nanos> missing;   // at its begin: the source's data begin that much later
};

// kInvalidInput names file, line and field.
Result<std::vector<slo::Slo>> read_openslo(const std::string& file);

// Each objective's state as soon as it is known, or why it is not; kTimeout or kSystem where none can be asked for.
Result<> ask_budgets(const std::vector<slo::Slo>& slos, const std::string& prometheus,
                     const std::function<void(const Result<ObjectiveState>&)>& each);

// What a run may take at worst, and whether it leaves the reserve.
struct BudgetCheck {
  ObjectiveState state;
  double cost = 0;     // of the budget, at worst
  double reserve = 0;  // of the budget, that must be left
  bool passes() const { return state.budget.remaining() - cost >= reserve; }
};
// `blast` is the share of the candidates that is hit. Fails as kRefused where the budget is not known.
Result<std::vector<BudgetCheck>> check_budget(const Experiment& experiment, double blast);
// kRefused when one of them does not pass.
Result<> enforce(const std::vector<BudgetCheck>& checks);
std::string in_words(const BudgetCheck& check);
json::Value to_json(const BudgetCheck& check);

json::Value to_json(const ObjectiveState& state);
// "62.1 % left of 43 200 bad events (99.9 % over 30d)"
std::string in_words(const ObjectiveState& state);
// "the source has only the last 3d of the window of 28d: …"; "" where it has all of it.
std::string history_in_words(const ObjectiveState& state);

}  // namespace ordeal::session
