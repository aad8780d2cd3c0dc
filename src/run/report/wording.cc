#include "run/report/wording.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

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
       "Use the moment of the breach in the chart to find the cause, fix it, and run the same file again: the verdict "
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
       "The run was stopped from outside. When the reason is gone (`ordeal resume` lifts a latch), run it again."},
      {"refused",
       {Tone::kAlarm, "⊘", "Refused by a safety rule"},
       "`ordeal plan` names the rule; change the target or the policy, not the rule's meaning."},
      {"revert failed",
       {Tone::kAlarm, "!", "A revert failed: manual intervention needed"},
       "Look at the impacts below that did not end clean, run `ordeal revert`, then `ordeal verify-clean`."},
      {"error",
       {Tone::kAlarm, "!", "Ordeal failed"},
       "This is an error of Ordeal, not of your system. Check `ordeal verify-clean`, then report it with this page."},
      {"",
       {Tone::kAlarm, "–", "Interrupted: the run has no verdict"},
       "The program that ran this experiment died before its verdict. Check `ordeal verify-clean`, then run it "
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

bool is_given(const Attack& attack, std::string_view name) {
  return !attack.given || std::find(attack.given->begin(), attack.given->end(), name) != attack.given->end();
}

std::string list_in_words(const json::Value& value) {
  if (!value.is_array()) return plain_text(value);
  std::vector<std::string> items;
  for (const json::Value& item : value.get_array()) items.push_back(plain_text(item));
  return join(items, " ");
}

// "delay 500ms, port 8000": those that were given, or the defaults.
std::string args_in_words(const Attack& attack, bool given) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : attack.args) {
    bool empty = value.is_null() || (value.is_array() && value.get_array().empty()) ||
                 (value.is_string() && value.get_string().empty());
    if (empty || key == "length" || is_given(attack, key) != given) continue;
    std::string name(key);
    std::replace(name.begin(), name.end(), '_', ' ');
    parts.push_back(name + " " + list_in_words(value));
  }
  return join(parts, ", ");
}

// "4.9×", "0.33×", "120×".
std::string times(double factor) { return fmt::format("{:.{}f}×", factor, factor >= 10 ? 0 : factor >= 1 ? 1 : 2); }

// A hint or a reason as a sentence of its own; what begins with a name or a command is left as it is.
std::string sentence(std::string text) {
  std::string_view first = std::string_view(text).substr(0, text.find(' '));
  bool word = !first.empty() && std::all_of(first.begin(), first.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (word) text[0] = static_cast<char>(text[0] - 'a' + 'A');
  bool ended = text.empty() || std::string_view(".!?").find(text.back()) != std::string_view::npos;
  return ended ? text : text + ".";
}

std::string recovery_in_words(const RunSummary& summary, const EffectSummary& effect) {
  if (!effect.left) return {};
  if (!effect.recovered) return "not back within its limit when the run ended";
  if (*effect.recovered <= Nanos(0)) return "back within its limit while the fault was still on";
  return fmt::format("back within its limit {} after {}", format_latency(*effect.recovered),
                     summary.one_way() ? "the kill" : "the fault was off");
}

void put_once(std::vector<std::string>& list, const std::string& text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

}  // namespace

Headline headline_of(const std::string& outcome) { return outcome_words(outcome).headline; }

Headline headline_of(const RunSummary& summary) {
  Headline headline = headline_of(summary.verdict ? summary.verdict->outcome : std::string());
  size_t unproven = summary.unproven().size();
  if (!summary.verdict || summary.verdict->outcome != "deviated" || summary.breaches.empty() || unproven == 0)
    return headline;
  headline.title += unproven < summary.proofs.size()
                        ? fmt::format(", but the fault was confirmed on only {} of {} victims",
                                      summary.proofs.size() - unproven, summary.proofs.size())
                        : ", but the fault was not confirmed";
  return headline;
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

namespace {

std::string part_in_words(const events::Part& part) {
  Attack attack{.type = part.attack, .args = part.args, .length = part.length};
  attack.given = part.given;
  std::string text = attack_in_words(attack, part.victims);
  if (part.name != part.attack) text = part.name + ": " + text;
  if (!part.course.empty()) text += ", " + part.course;
  return part.at > 0s ? fmt::format("{}, from {} on", text, format_latency(part.at)) : text;
}

}  // namespace

std::string attack_in_words(const RunSummary& summary) {
  return attack_in_words(summary.attack, summary.victims, summary.parts);
}

std::string attack_in_words(const Attack& attack, const std::vector<std::string>& victims,
                            const std::vector<events::Part>& parts) {
  if (!parts.empty()) {
    std::vector<std::string> texts;
    for (const events::Part& part : parts) texts.push_back(part_in_words(part));
    return join(texts, "; ");
  }
  std::string type = attack.type.empty() ? "an unnamed attack" : attack.type;
  std::replace(type.begin(), type.end(), '_', ' ');
  std::string args = args_in_words(attack, true);
  std::string text = args.empty() ? type : fmt::format("{} ({})", type, args);
  if (attack.length > 0s) text += " for " + format_latency(attack.length);
  size_t count = victims.size();
  if (count == 0) return text + ", no victim chosen";
  constexpr size_t kShown = 6;
  std::vector<std::string> shown(victims.begin(), victims.begin() + static_cast<ptrdiff_t>(std::min(count, kShown)));
  if (count > kShown) shown.push_back(fmt::format("and {} more", count - kShown));
  return fmt::format("{} on {} victim{}: {}", text, count, count == 1 ? "" : "s", join(shown, ", "));
}

std::string defaults_in_words(const Attack& attack) { return args_in_words(attack, false); }

std::string choice_in_words(const RunSummary& summary) {
  if (!summary.choice || (!summary.choice->percentage && !summary.choice->count)) return {};
  auto of = static_cast<double>(summary.choice->candidates);
  std::set<std::string_view> victims;  // pulses hit them again and again
  for (const ImpactSummary& impact : summary.impacts) victims.insert(impact.victim);
  size_t hit = victims.size();
  std::string asked = summary.choice->percentage ? fmt::format("{:g}\u00a0%", *summary.choice->percentage)
                                                 : std::to_string(*summary.choice->count);
  std::string text = fmt::format("asked {}, hit {} of {}", asked, hit, summary.choice->candidates);
  if (summary.choice->percentage && of > 0)
    text += fmt::format(" ({:.0f}\u00a0%)", 100 * static_cast<double>(hit) / of);
  return text;
}

std::string effect_in_words(const RunSummary& summary, const ExpectationSummary& expectation) {
  const EffectSummary& effect = expectation.effect;
  std::vector<std::string> parts;
  std::string unit = unit_of(expectation);
  if (effect.factor && std::abs(*effect.factor - 1) >= 0.05)
    parts.push_back(fmt::format("{} before, {} during the attack ({})", format_value(*effect.before, unit),
                                format_value(*effect.during, unit), times(*effect.factor)));
  std::string recovery = recovery_in_words(summary, effect);
  if (!recovery.empty()) parts.push_back(std::move(recovery));
  return join(parts, "; ");
}

std::string halt_in_words(const HaltSummary& halt) {
  if (halt.by == "breach") return "the breach ended the attack";
  return events::in_words({halt.why, halt.by, halt.at});
}

RevertText revert_in_words(const ImpactSummary& impact) {
  if (impact.result == events::RevertResult::kFailed) return {Tone::kAlarm, "! not reverted", impact.error};
  if (!impact.one_way) {
    if (!impact.result) return {Tone::kAlarm, "! no revert was seen", ""};
    if (!impact.gone.empty())
      return {Tone::kNeutral, "– fault off",
              fmt::format("the victim went away: {}; whether it is back is not known", impact.gone)};
    return {Tone::kGood, "✓ clean in\u00a0" + format_latency(impact.revert_took), ""};
  }
  std::string nothing = "nothing to revert";
  if (impact.moments.empty()) return {Tone::kNeutral, "– " + nothing, "nothing was done to it"};
  if (impact.dead() && impact.back)
    return {Tone::kBad, "✕ " + nothing,
            fmt::format("running again {} after the kill, but not when the run ended", format_latency(*impact.back))};
  if (impact.dead()) return {Tone::kBad, "✕ " + nothing, "it did not come back before the run ended"};
  if (impact.there && impact.back && impact.gone.empty())
    return {Tone::kGood, "✓ " + nothing, fmt::format("running again {} after the kill", format_latency(*impact.back))};
  return {Tone::kNeutral, "– " + nothing, "whether it came back is not known"};
}

std::vector<std::string> next_steps(const RunSummary& summary) {
  std::vector<std::string> steps;
  for (const ImpactSummary& impact : summary.impacts)
    if (impact.result == events::RevertResult::kFailed)
      put_once(steps, fmt::format("{} was not reverted: {}. Look at it now, then run `ordeal revert`.", impact.title(),
                                  impact.error.empty() ? "no reason was given" : impact.error));
  for (const ActionSummary& action : summary.actions)
    if (!action.ok)
      put_once(steps, fmt::format("The rollback failed: {}: {}. Roll the deployment back by hand.", action.text,
                                  action.result));
  for (const std::string& victim : summary.dead())
    put_once(steps, fmt::format("{} did not come back after it was killed. Start it, and find out why its supervisor "
                                "did not.",
                                victim));
  for (const ImpactSummary& impact : summary.impacts)
    if (!impact.gone.empty() && !impact.one_way)
      put_once(steps, fmt::format("{} went away during the attack: {}. Check that it runs again.", impact.victim,
                                  impact.gone));
  if (summary.verdict) put_once(steps, sentence(summary.verdict->hint));
  for (const FailedInjection& failed : summary.failed) put_once(steps, sentence(failed.hint));
  for (const events::Proven& proven : summary.proofs)
    if (!proven.proof.proven) put_once(steps, sentence(proven.proof.reason));
  std::string outcome = summary.verdict ? summary.verdict->outcome : "";
  bool said = outcome == "revert failed" && !summary.verdict->hint.empty();
  std::string next = outcome_words(outcome).next;
  if (outcome == "refused" && summary.impacts.empty()) next = "Nothing was touched. " + next;
  if (!said) put_once(steps, next);
  return steps;
}

}  // namespace ordeal::report
