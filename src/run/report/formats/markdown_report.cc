#include <fmt/format.h>

#include "core/base/text/printable.h"
#include "run/report/html/markup.h"
#include "run/report/html/scale.h"
#include "run/report/report.h"
#include "run/report/tiles.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

// One line of plain text: Markdown's own characters are escaped, and HTML is.
std::string plain(std::string_view text) {
  std::string out;
  for (char c : escape(text)) {
    if (std::string_view("\\`*_[]|~").find(c) != std::string_view::npos) out += '\\';
    out += c == '\n' || c == '\t' ? ' ' : c;
  }
  return out;
}

std::string code(std::string text) {
  for (char& c : text)
    if (c == '`' || c == '\n') c = ' ';
  return "`" + printable(text) + "`";
}

std::string when_cell(const ExpectationSummary& expectation, When time) {
  for (const WhenSummary& when : expectation.when) {
    if (when.when != time) continue;
    std::string text = fmt::format("{} {}", mark_of(when.status),
                                   plain(when.value ? format_value(*when.value, unit_of(expectation)) : "no data"));
    if (when.worst && when.worst != when.value)
      text += plain(fmt::format(" (worst {})", format_value(*when.worst, unit_of(expectation))));
    return text;
  }
  return "";
}

std::string effects(const RunSummary& summary) {
  std::string out;
  for (const ExpectationSummary& expectation : summary.expectations) {
    std::string effect = effect_in_words(summary, expectation);
    if (!effect.empty()) out += fmt::format("- {}: {}\n", plain(expectation.name), plain(effect));
  }
  return out.empty() ? out : out + "\n";
}

std::string expectations_table(const RunSummary& summary) {
  if (summary.expectations.empty()) return {};
  std::string out = "| expectation | asked | before | during | after |\n|---|---|--:|--:|--:|\n";
  for (const ExpectationSummary& expectation : summary.expectations)
    out += fmt::format("| {} | {} | {} | {} | {} |\n", plain(expectation.name), plain(condition_in_words(expectation)),
                       when_cell(expectation, When::kBefore), when_cell(expectation, When::kDuring),
                       when_cell(expectation, When::kAfter));
  return out + "\n";
}

std::string impacts_table(const RunSummary& summary) {
  if (summary.impacts.empty()) return "Nothing was injected.\n\n";
  std::string out = "| victim | proof of impact | reverted |\n|---|---|---|\n";
  for (const ImpactSummary& impact : summary.impacts) {
    std::string proven = "– no proof";
    if (const Proof* proof = summary.proof_of(impact)) proven = (proof->proven ? "✓ " : "✕ ") + plain(proof->measured);
    RevertText revert = revert_in_words(impact);
    std::string result = revert.detail.empty() ? revert.text : revert.text + ": " + revert.detail;
    out += fmt::format("| {} | {} | {} |\n", plain(impact.title()), proven, plain(result));
  }
  return out + "\n";
}

std::string rollback_list(const RunSummary& summary) {
  if (summary.actions.empty()) return {};
  std::string out = "Rollback, after the fault was off:\n\n";
  for (const ActionSummary& action : summary.actions)
    out += fmt::format("- {} {}: {} after {}\n", action.ok ? "✓" : "✕", plain(action.text), plain(action.result),
                       format_latency(action.took));
  return out + "\n";
}

std::string timings(const RunSummary& summary) {
  std::string out;
  auto line = [&](const std::optional<Nanos>& latency, const char* name) {
    if (latency) out += fmt::format("- {}: {}\n", name, format_latency(*latency));
  };
  for (const Tile& tile : tiles_of(summary)) out += fmt::format("- {}: {}\n", plain(tile.name), plain(tile.value));
  line(summary.breach_to_halt(), "breach to halt");
  return out.empty() ? out : out + "\n";
}

std::string notes_list(const RunSummary& summary) {
  if (summary.notes.empty()) return {};
  std::string out = "## Notes\n\n";
  for (const std::string& note : summary.notes) out += fmt::format("- {}\n", plain(note));
  return out + "\n";
}

}  // namespace

std::string markdown_report(const RunSummary& summary) {
  Headline headline = headline_of(summary);
  std::string out = fmt::format("# {}\n\n", plain(summary.name));
  if (!summary.hypothesis.empty()) out += fmt::format("> {}\n\n", plain(summary.hypothesis));
  out += fmt::format("**{} {}**", headline.mark, headline.title);
  if (summary.verdict) out += fmt::format(": {}", plain(summary.verdict->reason));
  out += fmt::format("\n\nAttack: {}\n\n", plain(attack_in_words(summary)));
  std::string choice = choice_in_words(summary);
  if (!choice.empty()) out += fmt::format("Victims: {}\n\n", plain(choice));
  out += timings(summary) + expectations_table(summary) + effects(summary) + impacts_table(summary) +
         rollback_list(summary) + notes_list(summary) + "## What to do next\n\n";
  size_t number = 0;
  for (const std::string& step : next_steps(summary)) out += fmt::format("{}. {}\n", ++number, plain(step));
  out += fmt::format("\nRun {}, {}, took {}, Ordeal {}.\n", code(summary.run), date_in_words(summary),
                     format_latency(summary.end - summary.begin), plain(summary.version));
  return out;
}

}  // namespace ordeal::report
