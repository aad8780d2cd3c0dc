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

void put_ending(cluster::ExperimentStatus& status, const Ending& ending, Nanos wall) {
  const Verdict& verdict = ending.verdict;
  std::string reason = camel_case(to_text(verdict.outcome)), message = sentence(verdict);
  status.phase = to_text(Phase::kDone);
  status.verdict = verdict_word(verdict.outcome);
  status.reason = verdict.reason;
  status.exit = static_cast<int>(exit_code_of(verdict.outcome));
  status.ended = rfc3339(wall);
  auto set = [&](const char* type, Truth truth, const std::string& why, const std::string& text) {
    cluster::set_condition(status.conditions, Condition{type, truth, why, text, ""}, wall);
  };
  if (!ending.admitted) set("Admitted", Truth::kFalse, reason, message);
  if (!ending.injected) set("Injected", Truth::kFalse, "NotInjected", verdict.reason);
  const char* how = !ending.injected && ending.reverted == Truth::kTrue ? "NothingInForce"
                    : ending.reverted == Truth::kTrue                   ? "Confirmed"
                                                                        : "NotConfirmed";
  set("Reverted", ending.reverted, how, ending.reverted_message);
  set("Held", held(verdict.outcome), reason, message);
  set("Complete", Truth::kTrue, reason, message);
}

}  // namespace ordeal::controller
