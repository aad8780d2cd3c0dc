#include "run/report/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "run/report/html/scale.h"

namespace ordeal::report {
namespace {

struct OutcomeWords {
  std::string_view outcome;
  Headline headline;
  std::string next;  // what to do when the verdict brought no hint of its own
};

const std::vector<OutcomeWords>& outcomes() {
  static const std::vector<OutcomeWords> kOutcomes{
      {"held",
       {Tone::kGood, "✓", "The hypothesis held"},
       "Keep this experiment and run it again after each change; then raise the attack (longer, stronger, more "
       "victims) until you find the limit."},
      {"deviated",
       {Tone::kBad, "✕", "The hypothesis did not hold"},
       "Find the cause with the moment of the breach in the chart, fix it, and run the same file again: the verdict "
       "should turn to held."},
      {"not injected",
       {Tone::kNeutral, "○", "The fault was not injected"},
       "Nothing was learned about the system. Check the target and the arguments with `ordeal plan`, and the machine "
       "with `ordeal doctor`."},
      {"inconclusive",
       {Tone::kNeutral, "?", "Inconclusive"},
       "Nothing was proven either way. See which expectation had no data or was not met before the attack, then run "
       "again."},
      {"halted",
       {Tone::kNeutral, "■", "Halted before the end"},
       "The run was ended from outside. When the reason is gone (`ordeal resume` lifts a latch), run it again."},
      {"refused",
       {Tone::kAlarm, "⊘", "Refused by a safety rule"},
       "Nothing was touched. `ordeal plan` names the rule; change the target or the policy, not the rule's meaning."},
      {"revert failed",
       {Tone::kAlarm, "!", "A revert failed: manual intervention needed"},
       "Look at the impacts below that did not end clean, run `ordeal revert`, then `ordeal verify-clean`."},
      {"error",
       {Tone::kAlarm, "!", "Ordeal failed"},
       "This is an error of Ordeal, not of your system. Check `ordeal verify-clean`, then report it with this page."},
      {"",
       {Tone::kAlarm, "–", "Interrupted: the run has no verdict"},
       "The program that ran this experiment ended before its verdict. Check `ordeal verify-clean`, then run it "
       "again."},
  };
  return kOutcomes;
}

const OutcomeWords& outcome_words(const std::string& outcome) {
  for (const OutcomeWords& words : outcomes())
    if (words.outcome == outcome) return words;
  return outcomes()[outcomes().size() - 2];
}

std::string plain_text(const json::Value& value) {
  if (value.is_string()) return std::string(value.get_string());
  return json::write(value);
}

std::string args_in_words(const json::Object& args) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : args) {
    bool empty = value.is_null() || (value.is_array() && value.get_array().empty()) ||
                 (value.is_string() && value.get_string().empty());
    if (empty || key == "length") continue;
    std::string name(key);
    std::replace(name.begin(), name.end(), '_', ' ');
    parts.push_back(name + " " + plain_text(value));
  }
  return join(parts, ", ");
}

using Expectations = std::vector<ExpectationSummary>;

std::string value_in_words(const std::optional<double>& value, size_t index, const Expectations& expectations) {
  if (!value) return "no value";
  return format_value(*value, index < expectations.size() ? unit_of(expectations[index]) : "");
}

EventText describe(const events::Run& run, const Expectations&) { return {Tone::kNeutral, "start", run.name, {}}; }

EventText describe(const events::PhaseBegun& phase, const Expectations&) {
  std::string text = name_of(phase.phase);
  if (phase.length > 0s) text += ", at most " + format_latency(phase.length);
  return {Tone::kNeutral, "phase", phase.why.empty() ? text : text + ": " + phase.why, {}};
}

EventText describe(const events::Look& look, const Expectations& expectations) {
  static constexpr std::array<std::pair<Tone, const char*>, 4> kWords{{{Tone::kGood, "holds"},
                                                                       {Tone::kBad, "is outside its limit"},
                                                                       {Tone::kNeutral, "is undecided"},
                                                                       {Tone::kNeutral, "returned no data"}}};
  const auto& [tone, words] = kWords[static_cast<size_t>(look.reading)];
  std::string text = fmt::format("{} {}", look.name, words);
  if (look.value) text += ": " + value_in_words(look.value, look.expectation, expectations);
  if (!look.series.empty()) text += " (" + look.series + ")";
  return {tone, "reading", text, look.detail};
}

EventText describe(const events::Breach& breach, const Expectations& expectations) {
  if (breach.trigger != "expression") return {Tone::kBad, "breach", breach.text, {}};
  std::string text = fmt::format("{} was {}; the condition is {}", breach.name,
                                 value_in_words(breach.value, breach.expectation, expectations), breach.condition);
  if (breach.since > 0s) text += ", beyond it for " + format_latency(breach.since);
  return {Tone::kBad, "breach", text, {}};
}

EventText describe(const events::Injected& injected, const Expectations&) {
  std::vector<std::string> steps;
  for (const Step& step : injected.steps) steps.push_back(step.action);
  return {Tone::kNeutral, "fault on", injected.victim, join(steps, "; ")};
}

EventText describe(const events::InjectFailed& failed, const Expectations&) {
  return {Tone::kBad, "not injected", fmt::format("{}: {}", failed.victim, failed.error), failed.hint};
}

EventText describe(const events::VictimGone& gone, const Expectations&) {
  return {Tone::kNeutral, "victim gone", fmt::format("{}: {}", gone.victim, gone.why), {}};
}

EventText describe(const events::Halt& halt, const Expectations&) {
  if (halt.by == "breach") return {Tone::kBad, "halt", "the breach ends the attack", {}};
  return {Tone::kBad, "halt", fmt::format("by {}: {}", halt.by, halt.why), {}};
}

EventText describe(const events::Reverted& reverted, const Expectations&) {
  bool failed = reverted.result == events::RevertResult::kFailed;
  return {
      failed ? Tone::kAlarm : Tone::kNeutral, "fault off",
      fmt::format("{}: {}, took {}", reverted.victim, failed ? "NOT REVERTED" : "clean", format_latency(reverted.took)),
      reverted.error};
}

EventText describe(const events::Proven& proven, const Expectations&) {
  bool good = proven.proof.proven;
  return {good ? Tone::kGood : Tone::kBad, good ? "proven" : "not proven",
          fmt::format("{}: {}", proven.victim, proven.proof.measured), proven.proof.reason};
}

EventText describe(const events::Action& action, const Expectations&) {
  std::string took = format_latency(action.took);
  std::string end =
      action.ok ? fmt::format("done after {}", took) : fmt::format("FAILED after {}: {}", took, action.result);
  return {action.ok ? Tone::kNeutral : Tone::kBad, "rollback", fmt::format("{}: {}", action.action, end),
          action.output};
}

EventText describe(const events::Note& note, const Expectations&) {
  bool warning = note.level == events::Level::kWarning;
  return {warning ? Tone::kBad : Tone::kNeutral, warning ? "warning" : "note", note.text, {}};
}

EventText describe(const events::Ended& ended, const Expectations&) {
  std::string outcome = to_text(ended.verdict.outcome);
  return {headline_of(outcome).tone, "verdict", outcome + ": " + ended.verdict.reason, ended.verdict.hint};
}

EventText describe(const events::Unknown& unknown, const Expectations&) {
  return {Tone::kNeutral, unknown.type, {}, {}};
}

void put_once(std::vector<std::string>& list, const std::string& text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace

Headline headline_of(const std::string& outcome) { return outcome_words(outcome).headline; }

Headline headline_of(const RunSummary& summary) {
  return headline_of(summary.verdict ? summary.verdict->outcome : std::string());
}

const char* name_of(Phase phase) {
  static constexpr std::array kNames{"checks", "baseline", "injecting", "attack", "reverting", "recovery", "done"};
  return kNames[static_cast<size_t>(phase)];
}

const char* name_of(ExpectationStatus status) {
  static constexpr std::array kNames{"not reached", "held", "breached", "undecided"};
  return kNames[static_cast<size_t>(status)];
}

const char* mark_of(ExpectationStatus status) {
  static constexpr std::array kMarks{"–", "✓", "✕", "?"};
  return kMarks[static_cast<size_t>(status)];
}

const char* name_of_value(const WhenSummary& when) { return when.when == When::kAfter ? "at the end" : "worst"; }

std::string date_in_words(const RunSummary& summary) {
  std::string text = summary.wall(summary.begin);
  if (text.size() < 19) return text;
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string unit_of(const ExpectationSummary& expectation) {
  return ordeal::unit_of(expectation.unit, expectation.text);
}

std::string condition_in_words(const ExpectationSummary& expectation) {
  static constexpr std::pair<std::string_view, const char*> kWords[] = {
      {"<", "must stay below"},   {"<=", "must not exceed"}, {">", "must stay above"},
      {">=", "must be at least"}, {"==", "must be"},         {"!=", "must not be"}};
  if (expectation.threshold)
    for (const auto& [op, words] : kWords)
      if (op == expectation.threshold->op)
        return fmt::format("{} {}", words, format_value(expectation.threshold->value, unit_of(expectation)));
  return expectation.condition.empty() ? "no condition" : "must satisfy " + expectation.condition;
}

std::string limit_in_words(const ExpectationSummary& expectation) {
  if (!expectation.threshold) return {};
  return "limit " + format_value(expectation.threshold->value, unit_of(expectation));
}

std::string attack_in_words(const Attack& attack, const std::vector<std::string>& victims) {
  std::string type = attack.type.empty() ? "an unnamed attack" : attack.type;
  std::replace(type.begin(), type.end(), '_', ' ');
  std::string args = args_in_words(attack.args);
  std::string text = args.empty() ? type : fmt::format("{} ({})", type, args);
  if (attack.length > 0s) text += " for " + format_latency(attack.length);
  size_t count = victims.size();
  if (count == 0) return text + ", no victim chosen";
  constexpr size_t kShown = 6;
  std::vector<std::string> shown(victims.begin(), victims.begin() + static_cast<ptrdiff_t>(std::min(count, kShown)));
  if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
  return fmt::format("{} on {} victim{}: {}", text, count, count == 1 ? "" : "s", join(shown, ", "));
}

EventText describe(const RunEvent& event, const std::vector<ExpectationSummary>& expectations) {
  return std::visit([&](const auto& data) { return describe(data, expectations); }, event.data);
}

std::vector<std::string> next_steps(const RunSummary& summary) {
  std::vector<std::string> steps;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.result == events::RevertResult::kFailed)
      put_once(steps, fmt::format("{} was not reverted: {}. Look at it now, then run `ordeal revert`.", impact.victim,
                                  impact.error.empty() ? "no reason was given" : impact.error));
  if (summary.verdict) put_once(steps, summary.verdict->hint);
  for (const FailedInjection& failed : summary.failed) put_once(steps, failed.hint);
  for (const events::Proven& proven : summary.proofs)
    if (!proven.proof.proven) put_once(steps, proven.proof.reason);
  put_once(steps, outcome_words(summary.verdict ? summary.verdict->outcome : std::string()).next);
  return steps;
}

}  // namespace ordeal::report
