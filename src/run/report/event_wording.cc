#include <fmt/format.h>

#include <array>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

using Expectations = std::vector<ExpectationSummary>;

std::string value_in_words(double value, size_t index, const Expectations& expectations) {
  return format_value(value, index < expectations.size() ? unit_of(expectations[index]) : "");
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
  if (look.value) text += ": " + value_in_words(*look.value, look.expectation, expectations);
  if (!look.series.empty()) text += " (" + look.series + ")";
  return {tone, "reading", text, look.detail};
}

EventText describe(const events::Breach& breach, const Expectations&) {
  std::string text = breach.text;
  if (breach.since > 0s) text += ", for " + format_latency(breach.since);
  return {Tone::kBad, "breach", text, {}};
}

EventText describe(const events::Injected& injected, const Expectations&) {
  std::vector<std::string> steps;
  for (const Step& step : injected.steps) steps.push_back(step.action);
  return {Tone::kNeutral, "fault on", title_of(injected.victim, injected.part), join(steps, "; ")};
}

EventText describe(const events::InjectFailed& failed, const Expectations&) {
  return {Tone::kBad, "not injected", fmt::format("{}: {}", title_of(failed.victim, failed.part), failed.error),
          failed.hint};
}

EventText describe(const events::VictimGone& gone, const Expectations&) {
  return {Tone::kNeutral, "victim left", fmt::format("{}: {}", title_of(gone.victim, gone.part), gone.why), {}};
}

EventText describe(const events::Halt& halt, const Expectations&) {
  if (halt.by == "breach") return {Tone::kBad, "halt", "the breach ends the attack", {}};
  return {Tone::kBad, "halt", events::in_words(halt), {}};
}

EventText describe(const events::Returned& returned, const Expectations&) {
  if (!returned.there) return {Tone::kBad, "not back", returned.victim + " was not running when the run ended", {}};
  std::string after = returned.after ? " " + format_latency(*returned.after) + " after it was killed" : "";
  return {Tone::kGood, "back", returned.victim + " was running again" + after, {}};
}

EventText describe(const events::Reverted& reverted, const Expectations&) {
  bool failed = reverted.result == events::RevertResult::kFailed;
  std::string result = failed ? "NOT REVERTED after" : "removed in";
  return {failed ? Tone::kAlarm : Tone::kNeutral, "fault off",
          fmt::format("{}: {} {}", title_of(reverted.victim, reverted.part), result, format_latency(reverted.took)),
          reverted.error};
}

EventText describe(const events::Proven& proven, const Expectations&) {
  bool good = proven.proof.proven;
  return {good ? Tone::kGood : Tone::kBad, good ? "proven" : "not proven",
          fmt::format("{}: {}", title_of(proven.victim, proven.part), proven.proof.measured), proven.proof.reason};
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

}  // namespace

EventText describe(const RunEvent& event, const std::vector<ExpectationSummary>& expectations) {
  return std::visit([&](const auto& data) { return describe(data, expectations); }, event.data);
}

EventText describe(const RunEvent& event, const RunSummary& summary) {
  EventText text = describe(event, summary.expectations);
  const auto* ended = as<events::Reverted>(event);
  const auto* begun = as<events::Injected>(event);
  for (const ImpactSummary& impact : summary.impacts) {
    if (!impact.one_way) continue;
    if (begun && begun->impact == impact.id) text.kind = "attack on";
    if (ended && ended->impact == impact.id && ended->result == events::RevertResult::kClean)
      text = {Tone::kNeutral, "attack off", impact.title() + ": nothing to revert", ended->error};
  }
  return text;
}

}  // namespace ordeal::report
