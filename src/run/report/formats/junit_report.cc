#include <fmt/format.h>

#include "core/base/text/text.h"
#include "run/report/html/markup.h"
#include "run/report/html/scale.h"
#include "run/report/report.h"
#include "run/report/tiles.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

enum class CaseResult { kPassed, kFailure, kError, kSkipped };

struct Case {
  std::string name;
  CaseResult result = CaseResult::kPassed;
  std::string message;
  Nanos took{0};
};

std::string value_in_words(const ExpectationSummary& expectation, const WhenSummary& when) {
  if (!when.value) return expectation.name + " returned no data";
  std::string unit = unit_of(expectation);
  std::string text = fmt::format("{} was {}", name_of_value(when), format_value(*when.value, unit));
  if (when.worst && when.worst != when.value) text += fmt::format(", worst {}", format_value(*when.worst, unit));
  return text;
}

Case expectation_case(const RunSummary& summary, const ExpectationSummary& expectation, const WhenSummary& when) {
  static constexpr CaseResult kResults[] = {CaseResult::kSkipped, CaseResult::kPassed, CaseResult::kFailure,
                                            CaseResult::kError};
  Case result{
      fmt::format("{} ({})", expectation.name, to_text(when.when)), kResults[static_cast<size_t>(when.status)], "", {}};
  result.message = fmt::format("{}: {}; it {}", name_of(when.status), value_in_words(expectation, when),
                               condition_in_words(expectation));
  std::string effect = when.when == When::kBefore ? "" : effect_in_words(summary, expectation);
  if (!effect.empty()) result.message += "; " + effect;
  for (const PhaseSpan& span : summary.phases)
    if (std::string_view(to_text(when.when)) == to_text(span.phase)) result.took += span.end - span.begin;
  return result;
}

Case proof_case(const RunSummary& summary) {
  Case result{"impact proven", CaseResult::kPassed, "", {}};
  if (summary.impacts.empty() && summary.failed.empty())
    return {result.name, CaseResult::kSkipped, "nothing was injected", {}};
  for (const FailedInjection& failed : summary.failed)
    result = {result.name, CaseResult::kFailure, failed.title() + " was not hit: " + failed.error, {}};
  if (!summary.failed.empty()) return result;
  if (summary.proofs.empty()) return {result.name, CaseResult::kError, "no proof was recorded", {}};
  for (const events::Proven& proven : summary.proofs)
    if (!proven.proof.proven)
      return {result.name, CaseResult::kFailure, title_of(proven.victim, proven.part) + ": " + proven.proof.reason, {}};
  return result;
}

// What became of victims that do not stand as they did: something was done to them that cannot be undone, or they went.
std::string fates_of(const RunSummary& summary) {
  std::vector<std::string> fates;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.one_way || !impact.gone.empty())
      fates.push_back(fmt::format("{}: {}", impact.title(), revert_in_words(impact).detail));
  return (summary.one_way() ? "nothing to revert; " : "fault off; ") + join(fates, "; ");
}

Case revert_case(const RunSummary& summary) {
  Case result{"reverted clean", CaseResult::kPassed, "", {}};
  if (summary.impacts.empty()) return {result.name, CaseResult::kSkipped, "nothing was injected", {}};
  for (const ImpactSummary& impact : summary.impacts) {
    if (impact.result == events::RevertResult::kFailed)
      return {result.name, CaseResult::kFailure, impact.title() + ": " + impact.error, {}};
    if (!impact.result) result = {result.name, CaseResult::kError, impact.title() + ": no revert was recorded", {}};
    result.took += impact.revert_took;
  }
  if ((summary.one_way() || !summary.gone().empty()) && result.result == CaseResult::kPassed)
    return {result.name, CaseResult::kSkipped, fates_of(summary), {}};
  return result;
}

// A run that ends for another reason than an expectation must not look green to a build server.
Case verdict_case(const RunSummary& summary) {
  std::string title = headline_of(summary).title;
  if (!summary.verdict) return {"verdict", CaseResult::kError, title, {}};
  CaseResult result = summary.verdict->exit == 0   ? CaseResult::kPassed
                      : summary.verdict->exit == 1 ? CaseResult::kFailure
                                                   : CaseResult::kError;
  return {"verdict", result, title + ": " + summary.verdict->reason, {}};
}

std::vector<Case> cases_of(const RunSummary& summary) {
  std::vector<Case> cases;
  for (const ExpectationSummary& expectation : summary.expectations)
    for (const WhenSummary& when : expectation.when) cases.push_back(expectation_case(summary, expectation, when));
  cases.push_back(proof_case(summary));
  cases.push_back(revert_case(summary));
  cases.push_back(verdict_case(summary));
  return cases;
}

std::string in_seconds(Nanos time) { return fmt::format("{:.3f}", to_seconds(time)); }

void put_case(Markup& xml, const std::string& suite, const Case& item) {
  static constexpr const char* kElements[] = {"", "failure", "error", "skipped"};
  xml.open("testcase", {{"classname", suite}, {"name", item.name}, {"time", in_seconds(item.took)}});
  if (item.result == CaseResult::kSkipped) xml.empty("skipped", {{"message", item.message}});
  if (item.result == CaseResult::kFailure || item.result == CaseResult::kError)
    xml.element(kElements[static_cast<size_t>(item.result)], {{"message", item.message}, {"type", "ordeal"}},
                item.message);
  xml.close().text("\n");
}

}  // namespace

std::string junit_report(const RunSummary& summary) {
  std::vector<Case> cases = cases_of(summary);
  auto count = [&](CaseResult result) {
    return std::to_string(std::count_if(cases.begin(), cases.end(), [&](auto& item) { return item.result == result; }));
  };
  std::string tests = std::to_string(cases.size()), failures = count(CaseResult::kFailure);
  std::string errors = count(CaseResult::kError), skipped = count(CaseResult::kSkipped);
  std::string time = in_seconds(summary.end - summary.begin);
  Markup xml;
  xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
  xml.open("testsuites",
           {{"name", "ordeal"}, {"tests", tests}, {"failures", failures}, {"errors", errors}, {"time", time}});
  xml.text("\n").open("testsuite", {{"name", summary.name},
                                    {"tests", tests},
                                    {"failures", failures},
                                    {"errors", errors},
                                    {"skipped", skipped},
                                    {"time", time},
                                    {"timestamp", summary.wall(summary.begin).substr(0, 19)}});
  xml.text("\n").open("properties");
  xml.empty("property", {{"name", "run"}, {"value", summary.run}});
  xml.empty("property", {{"name", "hypothesis"}, {"value", summary.hypothesis}});
  xml.empty("property", {{"name", "attack"}, {"value", attack_in_words(summary)}});
  std::string choice = choice_in_words(summary);
  if (!choice.empty()) xml.empty("property", {{"name", "victims"}, {"value", choice}});
  for (const Tile& tile : tiles_of(summary)) xml.empty("property", {{"name", tile.name}, {"value", tile.value}});
  for (const ActionSummary& action : summary.actions)
    xml.empty("property", {{"name", "rollback"}, {"value", action.text + ": " + action.result}});
  for (const std::string& note : summary.notes) xml.empty("property", {{"name", "note"}, {"value", note}});
  xml.close().text("\n");
  for (const Case& item : cases) put_case(xml, summary.name, item);
  return xml.take() + "\n";
}

}  // namespace ordeal::report
