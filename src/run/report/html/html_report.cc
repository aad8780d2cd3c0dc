#include <fmt/format.h>

#include "core/base/text/text.h"
#include "run/report/html/chart.h"
#include "run/report/html/markup.h"
#include "run/report/html/page.h"
#include "run/report/html/scale.h"
#include "run/report/report.h"
#include "run/report/tiles.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

const char* class_of(Tone tone) {
  static constexpr const char* kClasses[] = {"good", "bad", "alarm", "neutral"};
  return kClasses[static_cast<size_t>(tone)];
}

const char* class_of(ExpectationStatus status) {
  static constexpr const char* kClasses[] = {"neutral", "good", "bad", "neutral"};
  return kClasses[static_cast<size_t>(status)];
}

class Page {
 public:
  explicit Page(const RunSummary& summary) : summary_(summary) {}

  std::string write() {
    open();
    put_top();
    put_facts();
    put_tiles();
    put_expectations();
    put_attack();
    put_next();
    put_story();
    put_definition();
    put_footer();
    if (!summary_.expectations.empty()) put_readings_script(html_);
    return "<!DOCTYPE html>\n" + html_.take() + "\n";
  }

 private:
  void open();
  void put_top();
  void put_facts();
  void put_attack_fact();
  void put_tiles();
  void put_expectations();
  void put_expectation(size_t index);
  void put_attack();
  void put_impact(const ImpactSummary& impact);
  void put_failed(const FailedInjection& failed);
  void put_commands(std::string_view text);
  void put_next();
  void put_story();
  void put_definition();
  void put_footer();

  void fact(std::string_view name, std::string_view value) {
    if (!value.empty()) html_.element("dt", {}, name).element("dd", {}, value);
  }
  void head(std::initializer_list<std::string_view> names) {
    html_.open("thead").open("tr");
    for (std::string_view name : names) html_.element("th", {{"scope", "col"}}, name);
    html_.close().close();
  }
  std::string last_words() const;

  const RunSummary& summary_;
  Markup html_;
};

void Page::open() {
  std::string title = headline_of(summary_).title;
  open_page(html_, summary_.name.empty() ? title : fmt::format("{} – {}", summary_.name, title));
}

void Page::put_top() {
  html_.element("p", {{"class", "eyebrow"}}, "Ordeal experiment report · " + date_in_words(summary_));
  html_.element("h1", {}, summary_.name.empty() ? "A run without a record" : summary_.name);
  if (!summary_.hypothesis.empty()) html_.element("p", {{"class", "hypothesis"}}, "Hypothesis: " + summary_.hypothesis);
  Headline headline = headline_of(summary_);
  html_.open("section", {{"class", std::string("verdict ") + class_of(headline.tone)}, {"aria-label", "Verdict"}});
  html_.element("h2", {}, headline.mark + " " + headline.title);
  html_.element("p", {}, summary_.verdict ? summary_.verdict->reason : last_words());
  html_.close();
}

std::string Page::last_words() const {
  if (summary_.timeline.empty()) return "Nothing was recorded.";
  EventText text = describe(summary_.timeline.back(), summary_);
  return fmt::format("The last event on record, after {}, was {}: {}", format_latency(summary_.end - summary_.begin),
                     text.kind, text.text);
}

// The arguments that nobody gave are folded.
void Page::put_attack_fact() {
  html_.element("dt", {}, "Attack").open("dd").text(attack_in_words(summary_));
  std::string defaults = defaults_in_words(summary_.attack);
  if (!defaults.empty()) html_.open("details").element("summary", {}, "Defaults").element("span", {}, defaults).close();
  html_.close();
}

void Page::put_facts() {
  html_.open("dl", {{"class", "facts"}});
  put_attack_fact();
  fact("Victims", choice_in_words(summary_));
  fact("About", summary_.description);
  fact("Watched with", join(summary_.sources, ", "));
  std::string seed = summary_.seed ? fmt::format(", seed {}", *summary_.seed) : "";
  fact("Run", fmt::format("{}, took {}{}", summary_.run, format_latency(summary_.end - summary_.begin), seed));
  if (summary_.halt) fact("Ended early", halt_in_words(*summary_.halt));
  html_.close();
}

void Page::put_tiles() {
  html_.open("ul", {{"class", "tiles"}});
  for (const Tile& tile : tiles_of(summary_))
    html_.open("li", {{"class", class_of(tile.tone)}})
        .element("b", {}, tile.value)
        .element("span", {}, tile.name)
        .close();
  html_.close();
}

void Page::put_expectations() {
  html_.element("h2", {}, "What was expected, and what happened");
  if (summary_.expectations.empty())
    html_.element("p", {}, "This run had no expectation, so it cannot prove anything. Add some with --expect FILE.");
  for (size_t i = 0; i < summary_.expectations.size(); ++i) put_expectation(i);
}

void Page::put_expectation(size_t index) {
  const ExpectationSummary& expectation = summary_.expectations[index];
  ExpectationStatus status = expectation.status();
  html_.open("section", {{"class", "card"}}).open("header");
  html_.element("h3", {}, expectation.name);
  html_.element("span", {{"class", std::string("badge ") + class_of(status)}},
                std::string(mark_of(status)) + " " + name_of(status));
  html_.close();
  html_.element("p", {{"class", "must"}}, condition_in_words(expectation));
  html_.open("ul", {{"class", "whens"}});
  for (const WhenSummary& when : expectation.when) {
    bool reached = when.status != ExpectationStatus::kNotReached;
    std::string label = reached ? fmt::format("{}, {} ", to_text(when.when), name_of_value(when)) : to_text(when.when);
    html_.open("li").element("span", {}, label);
    if (reached) html_.element("b", {}, when.value ? format_value(*when.value, unit_of(expectation)) : "no data");
    if (reached && when.worst && when.worst != when.value)
      html_.element("span", {}, ", worst ").element("b", {}, format_value(*when.worst, unit_of(expectation)));
    html_.element("span", {{"class", std::string("standing ") + class_of(when.status)}},
                  fmt::format(" {} {}", mark_of(when.status), name_of(when.status)));
    html_.close();
  }
  html_.close();
  for (const BreachSummary& breach : summary_.breaches)
    if (breach.expectation == index && breach.counted())
      html_.element("p", {{"class", "counted"}}, "Counted: " + breach.text);
  std::string effect = effect_in_words(summary_, expectation);
  if (!effect.empty()) html_.element("p", {{"class", "effect"}}, effect);
  html_.raw(draw_figure(summary_, index));
  html_.element("code", {{"class", "query"}}, expectation.text);
  if (!expectation.trigger.empty())
    html_.element("small", {}, "Counted event by event, for an early halt: " + expectation.trigger);
  html_.close();
}

void Page::put_impact(const ImpactSummary& impact) {
  html_.open("tr").element("td", {}, impact.title());
  html_.open("td").text(join(impact.steps, "; "));
  if (impact.one_way && !impact.gone.empty()) html_.element("small", {}, "The victim went away: " + impact.gone);
  html_.close();
  const Proof* proof = summary_.proof_of(impact);
  html_.open("td").text(!proof ? "– no proof" : (proof->proven ? "✓ " : "✕ ") + proof->measured);
  if (proof && !proof->reason.empty()) html_.element("small", {}, proof->reason);
  html_.close();
  RevertText revert = revert_in_words(impact);
  html_.open("td", {{"class", std::string("revert ") + class_of(revert.tone)}}).text(revert.text);
  if (!revert.detail.empty()) html_.element("small", {}, revert.detail);
  html_.close().close();
}

void Page::put_failed(const FailedInjection& failed) {
  html_.open("tr").element("td", {}, failed.title());
  html_.open("td").text("✕ not injected: " + failed.error);
  if (!failed.hint.empty()) html_.element("small", {}, failed.hint);
  html_.close().element("td", {}, "–").element("td", {}, "nothing to revert").close();
}

void Page::put_attack() {
  html_.element("h2", {}, "What was done to each victim");
  if (summary_.impacts.empty() && summary_.failed.empty()) {
    html_.element("p", {}, "Nothing was injected.");
    return;
  }
  html_.open("table", {{"class", "stack"}});
  head({"Victim", "Steps", "Proof of impact", "Reverted"});
  html_.open("tbody");
  for (const ImpactSummary& impact : summary_.impacts) put_impact(impact);
  for (const FailedInjection& failed : summary_.failed) put_failed(failed);
  html_.close().close();
}

// What stands in backticks is a command.
void Page::put_commands(std::string_view text) {
  std::vector<std::string_view> parts = split(text, '`');
  bool paired = parts.size() % 2 == 1;
  if (!paired) html_.text(text);
  for (size_t i = 0; paired && i < parts.size(); ++i) {
    if (i % 2 == 1)
      html_.element("code", {}, parts[i]);
    else
      html_.text(parts[i]);
  }
}

void Page::put_next() {
  html_.element("h2", {}, "What to do next").open("ol", {{"class", "next"}});
  for (const std::string& step : next_steps(summary_)) {
    html_.open("li");
    put_commands(step);
    html_.close();
  }
  html_.close();
}

void Page::put_story() {
  // A long flapping run is cut here; the events themselves are in the record.
  constexpr size_t kMost = 200;
  html_.element("h2", {}, "The story of the run").open("table");
  html_.open("thead").open("tr").element("th", {{"scope", "col"}, {"class", "number"}}, "At");
  html_.element("th", {{"scope", "col"}}, "Event").element("th", {{"scope", "col"}}, "What happened").close().close();
  html_.open("tbody");
  size_t skipped = summary_.timeline.size() > kMost ? summary_.timeline.size() - kMost : 0;
  for (size_t i = 0; i < summary_.timeline.size(); ++i) {
    if (i >= kMost / 2 && i < kMost / 2 + skipped) continue;
    const RunEvent& event = summary_.timeline[i];
    EventText text = describe(event, summary_);
    html_.open("tr", {{"class", class_of(text.tone)}});
    html_.element("td", {{"class", "number"}}, fmt::format("{:.1f} s", to_seconds(event.boot - summary_.begin)));
    html_.element("td", {{"class", "kind"}}, text.kind).open("td").text(text.text);
    if (!text.detail.empty()) html_.element("small", {}, text.detail.substr(0, 2000));
    html_.close().close();
  }
  html_.close().close();
  if (skipped > 0)
    html_.element("p", {{"class", "eyebrow"}},
                  fmt::format("{} events in the middle are omitted here; the record has them.", skipped));
}

void Page::put_definition() {
  if (!summary_.experiment.is_object()) return;
  html_.element("h2", {}, "The experiment as it was run").open("details");
  html_.element("summary", {}, "Show the file with all defaults filled in");
  html_.element("pre", {}, json::write_pretty(summary_.experiment)).close();
}

void Page::put_footer() {
  html_.element("footer", {},
                fmt::format("Ordeal {} · {} · times are seconds from the start of the run, {}", summary_.version,
                            summary_.run, summary_.wall(summary_.begin)));
}

}  // namespace

std::string html_report(const RunSummary& summary) { return Page(summary).write(); }

}  // namespace ordeal::report
