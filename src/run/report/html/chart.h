// The chart of one expectation as an SVG: the metric over time with its limit, the phases, the attack in force shaded,
// flags for fault on, breach, halt and fault off. All charts of a run of the same size share one time axis.
// How its vertical axis is scaled, linear or logarithmic, is a rule: axis.h. A kill is marked where it happened.
// Colours come from the page's style sheet (classes); every mark has a word or a shape as well.
#pragma once

#include <string>

#include "run/report/summary.h"

namespace ordeal::report {

struct ChartSize {
  std::string name;  // makes ids unique on the page
  double width = 0, plot_height = 0;
  double left = 0, right = 0;  // margins
  size_t points = 0;           // of the line, at most
  size_t x_ticks = 0, y_ticks = 0;
  bool limit_outside = true;  // the limit's label stands in the right margin, else inside
};
ChartSize wide_chart();
ChartSize narrow_chart();  // for a phone: the same text size in user units, less room

// Both sizes, of which the style sheet shows one, with the readings for the page's script to show under the pointer.
std::string draw_figure(const RunSummary& summary, size_t expectation);
std::string draw_chart(const RunSummary& summary, size_t expectation, const ChartSize& size);

}  // namespace ordeal::report
