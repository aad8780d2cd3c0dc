#include "app/controller/hosting/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/base/text/text.h"

namespace ordeal::controller {
namespace {

using cluster::Condition;
using cluster::Truth;

Truth held(Outcome outcome) {
  if (outcome == Outcome::kHeld) return Truth::kTrue;
  return outcome == Outcome::kDeviated ? Truth::kFalse : Truth::kUnknown;
}

class Conditions {
 public:
  Conditions(cluster::ExperimentStatus& status, Nanos wall) : status_(status), wall_(wall) {}
  void set(const char* type, Truth truth, const std::string& why, const std::string& text = {}) {
    cluster::set_condition(status_.conditions, Condition{type, truth, why, text, ""}, wall_);
  }

 private:
  cluster::ExperimentStatus& status_;
  Nanos wall_;
};

std::string sentence(const Verdict& verdict) {
  return verdict.hint.empty() ? verdict.reason : verdict.reason + "; " + verdict.hint;
}

}  // namespace

std::string camel_case(std::string_view words) {
  std::string word;
  bool begins = true;
  for (char c : words) {
    bool part = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (part) word += begins ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    begins = !part;
  }
  return word;
}

std::string verdict_word(Outcome outcome) {
  std::string word = to_text(outcome);
  std::replace(word.begin(), word.end(), ' ', '_');
  return word;
}

Verdict refusal_verdict(const Error& error) {
  Outcome outcome = Outcome::kError;
  if (error.code == Errc::kRefused || error.code == Errc::kInvalidInput || error.code == Errc::kNotFound)
    outcome = Outcome::kRefused;
  if (error.code == Errc::kNotInjected || error.code == Errc::kTimeout || error.code == Errc::kUnsupported)
    outcome = Outcome::kNotInjected;
  return {outcome, error.message(), error.advice()};
}

Verdict unconfirmed_verdict(const std::string& what, const std::vector<std::string>& nodes) {
  return {Outcome::kRevertFailed,
          fmt::format("{}, and the agents of {} have not confirmed within the lease that everything is reverted", what,
                      join(nodes, ", ")),
          "look at these nodes: `ordeal revert` and `ordeal verify-clean` on each"};
}

Verdict with_reverts(Verdict verdict, const std::vector<std::string>& unconfirmed, bool failed) {
  bool said = stronger(exit_code_of(verdict.outcome), ExitCode::kRevertFailed) == exit_code_of(verdict.outcome);
  if (said || (unconfirmed.empty() && !failed)) return verdict;
  std::string what = fmt::format("{}: {}", to_text(verdict.outcome), verdict.reason);
  if (!failed) return unconfirmed_verdict(what, unconfirmed);
  return {Outcome::kRevertFailed, what + ", and a revert failed", "the Injections of the run say where and why"};
}

void put_beginning(cluster::ExperimentStatus& status, const std::string& admitted, Nanos wall) {
  Conditions conditions(status, wall);
  conditions.set("Admitted", Truth::kTrue, "Admitted", admitted);
  conditions.set("Injected", Truth::kFalse, "NotYet");
  conditions.set("Reverted", Truth::kUnknown, "NothingInForceYet");
  conditions.set("Held", Truth::kUnknown, "NotYet");
  conditions.set("Complete", Truth::kFalse, "Running");
}

void put_hit(cluster::ExperimentStatus& status, Nanos wall) {
  Conditions(status, wall).set("Reverted", Truth::kFalse, "InForce");
}

void put_in_force(cluster::ExperimentStatus& status, const std::string& victims, Nanos wall) {
  put_hit(status, wall);
  Conditions(status, wall).set("Injected", Truth::kTrue, "InForce", victims);
}

void put_ending(cluster::ExperimentStatus& status, const Ending& ending, Nanos wall) {
  const Verdict& verdict = ending.verdict;
  std::string reason = camel_case(to_text(verdict.outcome)), message = sentence(verdict);
  status.phase = to_text(Phase::kDone);
  status.verdict = verdict_word(verdict.outcome);
  status.reason = verdict.reason;
  status.exit = static_cast<int>(exit_code_of(verdict.outcome));
  status.ended = rfc3339(wall);
  Conditions conditions(status, wall);
  if (!ending.admitted) conditions.set("Admitted", Truth::kFalse, reason, message);
  if (!ending.injected)
    conditions.set("Injected", Truth::kFalse, ending.hit ? "PartlyInjected" : "NotInjected", verdict.reason);
  bool reverted = ending.reverted == Truth::kTrue, hit = ending.injected || ending.hit;
  const char* how = !reverted ? "NotConfirmed" : hit ? "Confirmed" : "NothingInForce";
  conditions.set("Reverted", ending.reverted, how, ending.reverted_message);
  conditions.set("Held", held(verdict.outcome), reason, message);
  conditions.set("Complete", Truth::kTrue, reason, message);
}

}  // namespace ordeal::controller
