#include "report/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/duration.h"
#include "base/text.h"
#include "report/scale.h"

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
       {Tone::kAlarm, "!", "A revert failed: a person must look"},
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

std::string value_in_words(const json::Object& data, const std::vector<ExpectationSummary>& expectations) {
  std::optional<double> value = number_of(data, "value"), index = number_of(data, "expectation");
  if (!value) return "no value";
  bool known = index && *index >= 0 && static_cast<size_t>(*index) < expectations.size();
  return format_value(*value, known ? unit_of(expectations[static_cast<size_t>(*index)]) : "");
}

using Expectations = std::vector<ExpectationSummary>;

Telling tell_run(const json::Object& data, const Expectations&) {
  return {Tone::kNeutral, "start", text_of(data, "name"), {}};
}

Telling tell_phase(const json::Object& data, const Expectations&) {
  std::string text = name_of(phase_of(data));
  Nanos planned = millis_of(data, "length_ms");
  if (planned > 0s) text += ", at most " + format_latency(planned);
  std::string why = text_of(data, "why");
  return {Tone::kNeutral, "phase", why.empty() ? text : text + ": " + why, {}};
}

Telling tell_reading(const json::Object& data, const Expectations& expectations) {
  static constexpr std::pair<Reading, std::pair<Tone, const char*>> kWords[] = {
      {Reading::kHolds, {Tone::kGood, "holds"}},
      {Reading::kBreached, {Tone::kBad, "is beyond its limit"}},
      {Reading::kUndecided, {Tone::kNeutral, "is undecided"}},
      {Reading::kNoData, {Tone::kNeutral, "has no data"}}};
  Reading reading = reading_of(data);
  auto words = std::find_if(std::begin(kWords), std::end(kWords), [&](auto& w) { return w.first == reading; });
  std::string text = fmt::format("{} {}", text_of(data, "name"), words->second.second);
  if (number_of(data, "value")) text += ": " + value_in_words(data, expectations);
  std::string series = text_of(data, "series");
  if (!series.empty()) text += " (" + series + ")";
  return {words->second.first, "reading", text, text_of(data, "detail")};
}

Telling tell_breach(const json::Object& data, const Expectations& expectations) {
  std::string trigger = text_of(data, "trigger");
  if (trigger != "expression" && !trigger.empty()) return {Tone::kBad, "breach", text_of(data, "text"), {}};
  std::string text = fmt::format("{} was {}; the condition is {}", text_of(data, "name"),
                                 value_in_words(data, expectations), text_of(data, "condition"));
  Nanos since = millis_of(data, "since_ms");
  if (since > 0s) text += ", beyond it for " + format_latency(since);
  return {Tone::kBad, "breach", text, {}};
}

Telling tell_inject(const json::Object& data, const Expectations&) {
  std::vector<std::string> steps = texts_of(data, "steps");
  for (const json::Object& step : objects_of(data, "steps")) steps.push_back(text_of(step, "action"));
  return {Tone::kNeutral, "fault on", text_of(data, "victim"), join(steps, "; ")};
}

Telling tell_inject_failed(const json::Object& data, const Expectations&) {
  std::string hint = text_of(data, "hint");
  return {Tone::kBad, "not injected", fmt::format("{}: {}", text_of(data, "victim"), text_of(data, "error")), hint};
}

Telling tell_gone(const json::Object& data, const Expectations&) {
  return {Tone::kNeutral, "victim gone", fmt::format("{}: {}", text_of(data, "victim"), text_of(data, "why")), {}};
}

Telling tell_halt(const json::Object& data, const Expectations&) {
  std::string by = text_of(data, "by");
  if (by == "breach") return {Tone::kBad, "halt", "the breach ends the attack", {}};
  return {Tone::kBad, "halt", fmt::format("by {}: {}", by, text_of(data, "why")), {}};
}

Telling tell_reverted(const json::Object& data, const Expectations&) {
  bool failed = text_of(data, "result") == "failed";
  std::string result = failed ? "NOT REVERTED" : text_of(data, "result") == "nothing" ? "nothing left to do" : "clean";
  return {failed ? Tone::kAlarm : Tone::kNeutral, "fault off",
          fmt::format("{}: {}, took {}", text_of(data, "victim"), result, format_latency(millis_of(data, "took_ms"))),
          text_of(data, "error")};
}

Telling tell_proof(const json::Object& data, const Expectations&) {
  const json::Value* proven = data.if_contains("proven");
  bool good = proven && proven->is_bool() && proven->get_bool();
  return {good ? Tone::kGood : Tone::kBad, good ? "proven" : "not proven",
          fmt::format("{}: {}", text_of(data, "victim"), text_of(data, "measured")), text_of(data, "reason")};
}

Telling tell_action(const json::Object& data, const Expectations&) {
  const json::Value* ok = data.if_contains("ok");
  bool good = ok && ok->is_bool() && ok->get_bool();
  std::string took = format_latency(millis_of(data, "took_ms"));
  std::string end =
      good ? fmt::format("done after {}", took) : fmt::format("FAILED after {}: {}", took, text_of(data, "result"));
  return {good ? Tone::kNeutral : Tone::kBad, "rollback", fmt::format("{}: {}", text_of(data, "action"), end),
          text_of(data, "output")};
}

Telling tell_note(const json::Object& data, const Expectations&) {
  bool warning = text_of(data, "level") == "warning";
  return {warning ? Tone::kBad : Tone::kNeutral, warning ? "warning" : "note", text_of(data, "text"), {}};
}

Telling tell_verdict(const json::Object& data, const Expectations&) {
  std::string outcome = text_of(data, "outcome");
  std::replace(outcome.begin(), outcome.end(), '_', ' ');
  return {headline_of(outcome).tone, "verdict", outcome + ": " + text_of(data, "reason"), text_of(data, "hint")};
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

const char* name_of(Standing standing) {
  static constexpr std::array kNames{"not reached", "held", "breached", "undecided"};
  return kNames[static_cast<size_t>(standing)];
}

const char* mark_of(Standing standing) {
  static constexpr std::array kMarks{"–", "✓", "✕", "?"};
  return kMarks[static_cast<size_t>(standing)];
}

const char* name_of_value(const WhenSummary& when) { return when.when == "after" ? "at the end" : "worst"; }

std::string date_in_words(const RunSummary& summary) {
  std::string text = summary.wall(summary.begin);
  if (text.size() < 19) return text;
  return text.substr(0, 10) + " " + text.substr(11, 8) + " UTC";
}

std::string unit_of(const ExpectationSummary& expectation) {
  return expectation.unit.empty() ? guess_unit(expectation.text) : expectation.unit;
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

std::string attack_in_words(const RunSummary& summary) {
  std::string type = summary.attack_type.empty() ? "an unnamed attack" : summary.attack_type;
  std::replace(type.begin(), type.end(), '_', ' ');
  std::string args = args_in_words(summary.attack_args);
  std::string text = args.empty() ? type : fmt::format("{} ({})", type, args);
  if (summary.attack_length > 0s) text += " for " + format_latency(summary.attack_length);
  size_t count = summary.victims.size();
  if (count == 0) return text + ", no victim chosen";
  constexpr size_t kShown = 6;
  std::vector<std::string> shown(summary.victims.begin(),
                                 summary.victims.begin() + static_cast<ptrdiff_t>(std::min(count, kShown)));
  if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
  return fmt::format("{} on {} victim{}: {}", text, count, count == 1 ? "" : "s", join(shown, ", "));
}

Telling tell(const RunEvent& event, const std::vector<ExpectationSummary>& expectations) {
  using Teller = Telling (*)(const json::Object&, const Expectations&);
  static constexpr std::pair<std::string_view, Teller> kTellers[] = {
      {"run", tell_run},          {"phase", tell_phase},   {"reading", tell_reading},
      {"breach", tell_breach},    {"inject", tell_inject}, {"inject_failed", tell_inject_failed},
      {"victim_gone", tell_gone}, {"halt", tell_halt},     {"reverted", tell_reverted},
      {"proof", tell_proof},      {"action", tell_action}, {"note", tell_note},
      {"verdict", tell_verdict}};
  for (const auto& [type, teller] : kTellers)
    if (type == event.type) return teller(event.data, expectations);
  return {Tone::kNeutral, event.type, {}, {}};
}

std::vector<std::string> next_steps(const RunSummary& summary) {
  std::vector<std::string> steps;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.result == "failed")
      put_once(steps, fmt::format("{} was not reverted: {}. Look at it now, then run `ordeal revert`.", impact.victim,
                                  impact.error.empty() ? "no reason was given" : impact.error));
  if (summary.verdict) put_once(steps, summary.verdict->hint);
  for (const FailedInjection& failed : summary.failed) put_once(steps, failed.hint);
  for (const ProofSummary& proof : summary.proofs)
    if (!proof.proven) put_once(steps, proof.reason);
  put_once(steps, outcome_words(summary.verdict ? summary.verdict->outcome : std::string()).next);
  return steps;
}

}  // namespace ordeal::report
