#include "run/report/index_page.h"

#include <fmt/format.h>

#include "core/base/text/quantity.h"
#include "run/report/html/page.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

const char* class_of_outcome(const std::string& outcome) {
  static constexpr const char* kClasses[] = {"good", "bad", "alarm", "neutral"};
  return outcome == "running" ? "neutral" : kClasses[static_cast<size_t>(headline_of(outcome).tone)];
}

std::string outcome_in_words(const std::string& outcome) {
  return outcome == "running" ? "… running" : headline_of(outcome).mark + " " + outcome;
}

// "2026-11-23 20:15:04"
std::string date_of(const std::string& started) {
  return started.size() < 19 ? started : started.substr(0, 10) + " " + started.substr(11, 8);
}

void put_run(Markup& html, const IndexEntry& run) {
  html.open("tr", {{"class", class_of_outcome(run.outcome)}});
  html.element("td", {{"class", "kind"}}, outcome_in_words(run.outcome)).open("td");
  std::string name = run.name.empty() ? run.run : run.name;
  if (run.link.empty())
    html.text(name);
  else
    html.element("a", {{"href", run.link}}, name);
  html.element("small", {}, run.run).close();
  html.element("td", {{"class", "when"}}, date_of(run.started));
  html.element("td", {}, run.attack).close();
}

}  // namespace

std::string html_index(const std::vector<IndexEntry>& runs) {
  Markup html;
  open_page(html, "Ordeal: all runs");
  html.element("p", {{"class", "eyebrow"}}, "Ordeal").element("h1", {}, "All runs");
  html.element(
      "p", {},
      runs.empty() ? "No runs yet." : counted(runs.size(), "run", "runs") + ", the newest first; times are UTC.");
  if (!runs.empty()) {
    html.open("table", {{"class", "stack runs"}}).open("thead").open("tr");
    for (const char* name : {"Outcome", "Experiment", "When", "Attack"}) html.element("th", {{"scope", "col"}}, name);
    html.close().close().open("tbody");
    for (const IndexEntry& run : runs) put_run(html, run);
    html.close().close();
  }
  return "<!DOCTYPE html>\n" + html.take() + "\n";
}

}  // namespace ordeal::report
