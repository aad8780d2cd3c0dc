#include "run/report/html/chart.h"

#include <fmt/format.h>

#include <algorithm>

#include "run/report/html/axis.h"
#include "run/report/html/flags.h"
#include "run/report/html/markup.h"
#include "run/report/html/scale.h"
#include "run/report/html/series.h"
#include "run/report/wording.h"

namespace ordeal::report {
namespace {

constexpr double kStripHeight = 22, kRowHeight = 16, kAxisHeight = 26, kTextDrop = 4;

class Chart {
 public:
  Chart(const RunSummary& summary, size_t index, const ChartSize& size)
      : summary_(summary),
        expectation_(summary.expectations[index]),
        size_(size),
        index_(index),
        lines_(thin(lines_of(expectation_.samples), size.points)),
        axis_(lines_, expectation_.threshold, unit_of(expectation_), size.y_ticks) {
    flags_ = make_flags();
    size_t rows = place_flags(flags_, size.width);
    top_ = kStripHeight + 6 + kRowHeight * static_cast<double>(rows);
    bottom_ = top_ + size.plot_height;
  }

  std::string draw() {
    open();
    draw_attack();
    draw_phases();
    draw_grid();
    draw_scale_name();
    draw_time_axis();
    draw_gaps();
    draw_limit_line();
    draw_line();
    draw_flags();
    draw_limit_label();
    return svg_.take();
  }

 private:
  std::vector<Flag> make_flags() const;
  void put_kills(std::vector<Flag>& flags) const;
  void open();
  std::string description() const;
  void draw_attack();
  void draw_phases();
  void draw_grid();
  void draw_scale_name();
  void draw_time_axis();
  void draw_gaps();
  void draw_limit_line();
  void draw_limit_label();
  void draw_line();
  void draw_breach_marks();
  void draw_flags();

  double right() const { return size_.width - size_.right; }
  double x(BootTime at) const {
    double length = std::max(to_seconds(summary_.end - summary_.begin), 1e-3);
    double share = std::clamp(to_seconds(at - summary_.begin) / length, 0.0, 1.0);
    return size_.left + share * (right() - size_.left);
  }
  double y(double value) const { return bottom_ - axis_.share(value) * (bottom_ - top_); }
  std::string id(const char* what) const { return fmt::format("{}-{}-{}", what, index_, size_.name); }
  std::string path() const;

  const RunSummary& summary_;
  const ExpectationSummary& expectation_;
  ChartSize size_;
  size_t index_;
  std::vector<Line> lines_;
  Axis axis_;
  std::vector<Flag> flags_;
  double top_ = 0, bottom_ = 0;
  Markup svg_;
};

// Each kill that has a place of its own, or the first of many; and the first return.
void Chart::put_kills(std::vector<Flag>& flags) const {
  std::vector<BootTime> kills;
  std::optional<BootTime> back;
  for (const ImpactSummary& impact : summary_.impacts) {
    kills.insert(kills.end(), impact.moments.begin(), impact.moments.end());
    if (impact.back && !impact.moments.empty())
      back = std::min(back.value_or(BootTime::max()), impact.moments.front() + *impact.back);
  }
  std::sort(kills.begin(), kills.end());
  auto near = [this](BootTime a, BootTime b) { return x(b) - x(a) < 4; };
  kills.erase(std::unique(kills.begin(), kills.end(), near), kills.end());
  constexpr size_t kEach = 3;
  if (kills.size() > kEach)
    flags.push_back({x(kills.front()), "stop", fmt::format("✕ first of {} kills", kills.size())});
  else
    for (BootTime kill : kills) flags.push_back({x(kill), "stop", "✕ kill"});
  if (back) flags.push_back({x(*back), "on", "running again"});
}

std::vector<Flag> Chart::make_flags() const {
  std::vector<Flag> flags;
  if (summary_.one_way())
    put_kills(flags);
  else if (auto begin = summary_.attack_begin())
    flags.push_back({x(*begin), "on", summary_.parts.size() > 1 ? "first fault on" : "fault on"});
  for (const BreachSummary& breach : summary_.breaches)
    if (breach.expectation == index_ && flags.size() < 4)
      flags.push_back({x(breach.at), "bad",
                       breach.counted() ? "◆ breach, counted"
                       : breach.value   ? "◆ breach " + format_value(*breach.value, unit_of(expectation_))
                                        : "◆ breach"});
  if (summary_.halt) {
    auto after = summary_.breach_to_halt();
    bool later = after && *after >= 1ms;
    flags.push_back({x(summary_.halt->at), "stop", later ? "■ halt +" + format_latency(*after) : "■ halt"});
  }
  if (auto end = summary_.attack_end(); end && summary_.all_reverted_clean() && !summary_.one_way()) {
    auto after = summary_.halt_to_reverted();
    flags.push_back({x(*end), "on", after ? "fault off +" + format_latency(*after) : "fault off"});
  }
  return flags;
}

std::string Chart::description() const {
  std::string text = fmt::format("{} over {}; it {}.", expectation_.name, format_latency(summary_.end - summary_.begin),
                                 condition_in_words(expectation_));
  if (axis_.logarithmic()) text += " Logarithmic scale.";
  for (const WhenSummary& when : expectation_.when)
    text += fmt::format(
        " {}: {}{}.", to_text(when.when), name_of(when.status),
        when.value ? ", " + std::string(name_of_value(when)) + " " + format_value(*when.value, unit_of(expectation_))
                   : "");
  return text;
}

void Chart::open() {
  double height = bottom_ + kAxisHeight;
  svg_.open("svg", {{"class", "chart " + size_.name},
                    {"viewBox", fmt::format("0 0 {} {}", coordinate(size_.width), coordinate(height))},
                    {"role", "img"},
                    {"data-left", size_.left},
                    {"data-right", right()},
                    {"data-top", top_},
                    {"data-bottom", bottom_},
                    {"aria-labelledby", id("title") + " " + id("desc")}});
  svg_.element("title", {{"id", id("title")}}, expectation_.name);
  svg_.element("desc", {{"id", id("desc")}}, description());
}

void Chart::draw_attack() {
  for (const ForceSpan& span : summary_.spans_in_force()) {
    // At least a hair, so that a fault of a few milliseconds is seen.
    double from = x(span.begin), width = std::max(x(span.end) - from, 1.5);
    Attributes box{{"class", "attack"}, {"x", from}, {"y", top_}, {"width", width}, {"height", bottom_ - top_}};
    if (span.part.empty())
      svg_.empty("rect", box);
    else
      svg_.open("rect", box).element("title", {}, span.part).close();
  }
}

void Chart::draw_phases() {
  for (const PhaseSpan& span : summary_.phases) {
    double from = x(span.begin), width = x(span.end) - from;
    if (width < 0.5) continue;
    std::string name = name_of(span.phase);
    svg_.empty("rect", {{"class", std::string("phase ") + to_text(span.phase)},
                        {"x", from},
                        {"y", kStripHeight - 6},
                        {"width", std::max(width - 1.5, 0.5)},
                        {"height", 3}});
    if (text_width(name) <= width) svg_.element("text", {{"x", from}, {"y", kStripHeight - 11}}, name);
    if (from > size_.left + 12)
      svg_.empty("line", {{"class", "edge"}, {"x1", from}, {"x2", from}, {"y1", top_}, {"y2", bottom_}});
  }
}

void Chart::draw_grid() {
  for (const AxisTick& tick : axis_.ticks()) {
    double at = y(tick.value);
    bool lowest = &tick == &axis_.ticks().front();
    svg_.empty("line",
               {{"class", lowest ? "axis" : "grid"}, {"x1", size_.left}, {"x2", right()}, {"y1", at}, {"y2", at}});
    svg_.element("text", {{"class", "y"}, {"x", size_.left - 8}, {"y", at + kTextDrop}}, tick.label);
  }
}

void Chart::draw_scale_name() {
  if (axis_.logarithmic()) svg_.element("text", {{"class", "y"}, {"x", size_.left - 8}, {"y", top_ - 12}}, "log");
}

void Chart::draw_time_axis() {
  std::vector<Nanos> ticks = time_ticks(summary_.end - summary_.begin, size_.x_ticks);
  std::vector<std::string> labels = elapsed_labels(ticks);
  for (size_t i = 0; i < ticks.size(); ++i) {
    double where = x(summary_.begin + ticks[i]);
    svg_.empty("line", {{"class", "axis"}, {"x1", where}, {"x2", where}, {"y1", bottom_}, {"y2", bottom_ + 4}});
    svg_.element("text", {{"class", "x"}, {"x", where}, {"y", bottom_ + 17}}, labels[i]);
  }
}

void Chart::draw_gaps() {
  for (const Gap& gap : gaps_of(expectation_.samples, lines_)) {
    double from = x(gap.begin), width = x(gap.end) - from;
    if (width < 2) continue;
    svg_.empty("rect", {{"class", "gap"}, {"x", from}, {"y", top_}, {"width", width}, {"height", bottom_ - top_}});
    if (text_width("no data") + 8 <= width)
      svg_.element("text", {{"class", "x"}, {"x", from + width / 2}, {"y", bottom_ - 8}}, "no data");
  }
  if (expectation_.samples.empty())
    svg_.element("text", {{"class", "x"}, {"x", (size_.left + right()) / 2}, {"y", (top_ + bottom_) / 2}},
                 "nothing was read");
}

void Chart::draw_limit_line() {
  if (!expectation_.threshold) return;
  double at = y(expectation_.threshold->value);
  svg_.empty("line", {{"class", "limit"}, {"x1", size_.left}, {"x2", right()}, {"y1", at}, {"y2", at}});
}

void Chart::draw_limit_label() {
  if (!expectation_.threshold) return;
  double at = y(expectation_.threshold->value);
  double where = size_.limit_outside ? right() + 8 : size_.left + 6;
  svg_.element("text", {{"class", "limit"}, {"x", where}, {"y", size_.limit_outside ? at + kTextDrop : at - 5}},
               limit_in_words(expectation_));
}

std::string Chart::path() const {
  std::string path;
  for (const Line& line : lines_) {
    path += 'M';
    for (const Point& point : line) path += coordinate(x(point.at)) + ' ' + coordinate(y(point.value)) + ' ';
    // A single point is drawn as a dot by its round cap.
    if (line.size() == 1) path += "h0";
  }
  return path;
}

void Chart::draw_line() {
  if (lines_.empty()) return;
  // The path is styled only where it is used: a style of its own would win over the one of the second use.
  svg_.open("defs").empty("path", {{"id", id("line")}, {"d", path()}}).close();
  svg_.empty("use", {{"class", "line"}, {"href", "#" + id("line")}});
  const std::optional<Threshold>& limit = expectation_.threshold;
  bool above = limit && (limit->op == "<" || limit->op == "<="), below = limit && limit->op[0] == '>';
  if (!above && !below) return;
  double from = above ? top_ - 2 : y(limit->value), to = above ? y(limit->value) : bottom_ + 2;
  svg_.open("clipPath", {{"id", id("beyond")}});
  svg_.empty("rect", {{"x", 0}, {"y", from}, {"width", size_.width}, {"height", std::max(to - from, 0.0)}}).close();
  svg_.empty("use", {{"class", "beyond"}, {"href", "#" + id("line")}, {"clip-path", "url(#" + id("beyond") + ")"}});
}

void Chart::draw_breach_marks() {
  for (const BreachSummary& breach : summary_.breaches) {
    if (breach.expectation != index_ || !breach.value) continue;
    double cx = x(breach.at), cy = y(*breach.value);
    svg_.empty("path",
               {{"class", "breach"}, {"d", fmt::format("M{} {}l5 5l-5 5l-5-5z", coordinate(cx), coordinate(cy - 5))}});
  }
}

void Chart::draw_flags() {
  for (const Flag& flag : flags_) {
    double base = kStripHeight + 4 + kRowHeight * static_cast<double>(flag.row);
    svg_.empty("line",
               {{"class", "flag " + flag.mark_class}, {"x1", flag.x}, {"x2", flag.x}, {"y1", base}, {"y2", bottom_}});
    svg_.element("text",
                 {{"class", "flag " + flag.mark_class + (flag.leftward ? " leftward" : "")},
                  {"x", flag.leftward ? flag.x - 5 : flag.x + 5},
                  {"y", base + 11}},
                 flag.text);
  }
  draw_breach_marks();
}

// A line "0.25,210 ms" for each point: seconds from the start of the run, and the reading in the words of the report.
std::string points_of(const RunSummary& summary, const ExpectationSummary& expectation) {
  std::string text, unit = unit_of(expectation);
  for (const Line& line : thin(lines_of(expectation.samples), wide_chart().points))
    for (const Point& point : line)
      text += fmt::format("{}{:.2f},{}", text.empty() ? "" : "\n", to_seconds(point.at - summary.begin),
                          format_value(point.value, unit));
  return text;
}

}  // namespace

ChartSize wide_chart() { return {"wide", 880, 165, 50, 80, 600, 10, 4, true}; }
ChartSize narrow_chart() { return {"narrow", 360, 150, 52, 14, 200, 5, 4, false}; }

std::string draw_chart(const RunSummary& summary, size_t expectation, const ChartSize& size) {
  return Chart(summary, expectation, size).draw();
}

std::string draw_figure(const RunSummary& summary, size_t expectation) {
  const ExpectationSummary& shown = summary.expectations[expectation];
  Markup html;
  html.open("figure",
            {{"data-points", points_of(summary, shown)},
             {"data-length", fmt::format("{:.3f}", std::max(to_seconds(summary.end - summary.begin), 1e-3))}});
  html.raw(draw_chart(summary, expectation, wide_chart())).raw(draw_chart(summary, expectation, narrow_chart()));
  return html.take();
}

}  // namespace ordeal::report
