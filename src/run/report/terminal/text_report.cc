#include "run/report/terminal/text_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/printable.h"
#include "core/base/text/quantity.h"
#include "core/base/text/text.h"
#include "run/report/report.h"
#include "run/report/terminal/columns.h"
#include "run/report/tiles.h"

namespace ordeal::report {
namespace {

Tone tone_of(ExpectationStatus status) {
  return status == ExpectationStatus::kHeld       ? Tone::kGood
         : status == ExpectationStatus::kBreached ? Tone::kBad
                                                  : Tone::kNeutral;
}

class TextReport {
 public:
  TextReport(const RunSummary& summary, const TerminalStyle& style) : summary_(summary), style_(style) {}

  std::string write() {
    put_top();
    put_tiles();
    put_expectations();
    put_victims();
    put_rollback();
    put_list("Notes", summary_.notes);
    put_next();
    put("");
    put(fmt::format("Run {}, {}, took {}, Ordeal {}.", summary_.run, date_in_words(summary_),
                    format_latency(summary_.end - summary_.begin), summary_.version));
    return std::move(out_);
  }
  std::string ending(const std::string& report_path) {
    put_verdict();
    std::vector<std::string> figures;
    for (const Tile& tile : tiles_of(summary_)) figures.push_back(fmt::format("{}: {}", tile.name, tile.value));
    put("  " + join(figures, " · "), 2);
    for (const ExpectationSummary& expectation : summary_.expectations)
      if (std::string effect = effect_in_words(summary_, expectation); expectation.effect.left && !effect.empty())
        put(fmt::format("  {}: {}", expectation.name, effect), 4);
    put("  next: " + next_steps(summary_).front(), 8);
    if (!report_path.empty()) out_ += "  report: " + printable(report_path) + "\n";  // in one piece, to be copied
    return std::move(out_);
  }

 private:
  void put(std::string_view text, size_t indent = 0) { out_ += wrapped(text, indent, style_); }
  void head(const std::string& title) { out_ += "\n" + bold(title, style_) + "\n"; }
  void put_verdict();
  void put_top();
  void put_tiles();
  void put_expectations();
  void put_expectation(const ExpectationSummary& expectation);
  void put_victims();
  void put_rollback();
  void put_list(const std::string& title, const std::vector<std::string>& items);
  void put_next();

  const RunSummary& summary_;
  const TerminalStyle& style_;
  std::string out_;
};

void TextReport::put_verdict() {
  Headline headline = headline_of(summary_);
  out_ += bold(coloured(headline.mark + " " + headline.title, headline.tone, style_), style_) + "\n";
  if (summary_.verdict && !summary_.verdict->reason.empty()) put("  " + summary_.verdict->reason, 2);
}

void TextReport::put_top() {
  put_verdict();
  out_ += "\n" + bold(printable(summary_.name), style_) + "\n";
  if (!summary_.hypothesis.empty()) put("Hypothesis: " + summary_.hypothesis, 2);
  put("Attack: " + attack_in_words(summary_), 2);
  if (std::string choice = choice_in_words(summary_); !choice.empty()) put("Victims: " + choice, 2);
  if (summary_.halt) put("Ended early: " + halt_in_words(*summary_.halt), 2);
}

void TextReport::put_tiles() {
  std::vector<Tile> tiles = tiles_of(summary_);
  size_t widest = 0;
  for (const Tile& tile : tiles) widest = std::max(widest, columns(printable(tile.value)));
  out_ += "\n";
  for (const Tile& tile : tiles) {
    std::string value = padded_left(printable(tile.value), widest);
    out_ += "  " + (tile.tone == Tone::kNeutral ? value : coloured(value, tile.tone, style_)) + "  " +
            printable(tile.name) + "\n";
  }
}

void TextReport::put_expectation(const ExpectationSummary& expectation) {
  ExpectationStatus status = expectation.status();
  std::string unit = unit_of(expectation);
  out_ += "  " + coloured(mark_of(status), tone_of(status), style_) + " " + printable(expectation.name) + " " +
          printable(condition_in_words(expectation)) + "\n";
  for (const WhenSummary& when : expectation.when) {
    std::string value = when.value ? format_value(*when.value, unit) : "no data";
    std::string extra = when.worst && when.worst != when.value ? ", worst " + format_value(*when.worst, unit) : "";
    if (when.status == ExpectationStatus::kNotReached) value = "–";
    out_ += fmt::format("      {} {} {}{}\n", padded(to_text(when.when), 7),
                        coloured(padded(std::string(mark_of(when.status)) + " " + name_of(when.status), 13),
                                 tone_of(when.status), style_),
                        value, extra);
  }
  auto index = static_cast<size_t>(&expectation - summary_.expectations.data());
  for (const BreachSummary& breach : summary_.breaches)
    if (breach.expectation == index && breach.counted()) put("      Counted: " + breach.text, 6);
  if (std::string effect = effect_in_words(summary_, expectation); !effect.empty()) put("      " + effect, 6);
}

void TextReport::put_expectations() {
  head("What was expected");
  if (summary_.expectations.empty())
    put("  nothing, so this run cannot prove anything; add `expect`, or --expect FILE", 2);
  for (const ExpectationSummary& expectation : summary_.expectations) put_expectation(expectation);
}

void TextReport::put_victims() {
  head("What was done");
  if (summary_.impacts.empty() && summary_.failed.empty()) put("  nothing");
  for (const ImpactSummary& impact : summary_.impacts) {
    RevertText revert = revert_in_words(impact);
    put(fmt::format("  {}: {}", impact.title(), join(impact.steps, "; ")), 4);
    if (const Proof* proof = summary_.proof_of(impact))
      put(fmt::format("    {} {}{}{}", proof->proven ? "✓" : "✕", proof->measured, proof->reason.empty() ? "" : ": ",
                      proof->reason),
          6);
    put(fmt::format("    {}{}{}", revert.text, revert.detail.empty() ? "" : ": ", revert.detail), 6);
  }
  for (const FailedInjection& failed : summary_.failed)
    put(fmt::format("  {}: ✕ not injected: {}", failed.title(), failed.error), 4);
}

void TextReport::put_rollback() {
  if (summary_.actions.empty()) return;
  head("Rollback");
  for (const ActionSummary& action : summary_.actions)
    put(fmt::format("  {} {}: {} after {}", action.ok ? "✓" : "✕", action.text, action.result,
                    format_latency(action.took)),
        4);
}

void TextReport::put_list(const std::string& title, const std::vector<std::string>& items) {
  if (items.empty()) return;
  head(title);
  for (const std::string& item : items) put("  - " + item, 4);
}

void TextReport::put_next() {
  head("What to do next");
  size_t number = 0;
  for (const std::string& step : next_steps(summary_)) put(fmt::format("  {}. {}", ++number, step), 5);
}

}  // namespace

std::string text_report(const RunSummary& summary, const TerminalStyle& style) {
  return TextReport(summary, style).write();
}

std::string text_report(const RunSummary& summary) { return text_report(summary, TerminalStyle{}); }

std::string ending_in_words(const RunSummary& summary, const std::string& report_path, const TerminalStyle& style) {
  return TextReport(summary, style).ending(report_path);
}

}  // namespace ordeal::report
