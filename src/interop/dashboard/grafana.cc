#include "interop/dashboard/grafana.h"

#include <fmt/format.h>

#include "interop/dashboard/escape.h"

namespace ordeal::dashboard {
namespace {

using json::Array;
using json::Object;
using json::Value;

constexpr int64_t kSchemaVersion = 41;
constexpr int64_t kWidth = 12, kHeight = 8;  // of the grid of 24 columns

Object source() { return {{"type", "prometheus"}, {"uid", "${datasource}"}}; }

// "A", "B", …, "AA"
std::string reference(size_t index) {
  std::string name;
  for (size_t left = index + 1; left > 0; left = (left - 1) / 26)
    name.insert(name.begin(), static_cast<char>('A' + (left - 1) % 26));
  return name;
}

Array targets(const Panel& panel) {
  Array all;
  bool instant = panel.kind == PanelKind::kStat;
  for (size_t i = 0; i < panel.queries.size(); ++i) {
    const PanelQuery& query = panel.queries[i];
    Object target{{"refId", reference(i)}, {"datasource", source()}, {"expr", in_grafana_query(query.expr)},
                  {"editorMode", "code"},  {"range", !instant},      {"instant", instant}};
    target["legendFormat"] = query.legend.empty() ? "__auto" : query.legend;
    all.push_back(std::move(target));
  }
  return all;
}

Object thresholds(const Panel& panel) {
  Array steps;
  for (const Step& step : panel.steps)
    steps.push_back(Object{{"color", step.colour}, {"value", step.from ? Value(*step.from) : Value(nullptr)}});
  return {{"mode", "absolute"}, {"steps", std::move(steps)}};
}

Array mappings(const Panel& panel) {
  if (panel.mappings.empty()) return {};
  Object options;
  for (size_t i = 0; i < panel.mappings.size(); ++i) {
    const Mapping& mapping = panel.mappings[i];
    options[fmt::format("{}", mapping.value)] = Object{{"text", mapping.text}, {"color", mapping.colour}, {"index", i}};
  }
  return {Object{{"type", "value"}, {"options", std::move(options)}}};
}

Object custom(const Panel& panel) {
  if (panel.kind == PanelKind::kStateTimeline) return {{"fillOpacity", 70}, {"lineWidth", 0}};
  if (panel.kind == PanelKind::kStat) return {};
  return {{"drawStyle", "line"},
          {"lineWidth", 1},
          {"fillOpacity", 10},
          {"spanNulls", false},
          {"thresholdsStyle", Object{{"mode", panel.steps.size() > 1 ? "line" : "off"}}}};
}

Object options(const Panel& panel) {
  Object legend{{"showLegend", true}, {"displayMode", "list"}, {"placement", "bottom"}};
  Object tooltip{{"mode", "multi"}, {"sort", "desc"}};
  if (panel.kind == PanelKind::kTimeSeries) {
    legend["calcs"] = Array{};
    return {{"legend", std::move(legend)}, {"tooltip", std::move(tooltip)}};
  }
  if (panel.kind == PanelKind::kStateTimeline)
    return {{"showValue", "auto"},         {"rowHeight", 0.9},
            {"mergeValues", true},         {"alignValue", "left"},
            {"legend", std::move(legend)}, {"tooltip", Object{{"mode", "single"}, {"sort", "none"}}}};
  return {{"colorMode", "value"},
          {"graphMode", "none"},
          {"justifyMode", "auto"},
          {"orientation", "auto"},
          {"textMode", "auto"},
          {"wideLayout", true},
          {"reduceOptions", Object{{"calcs", Array{"lastNotNull"}}, {"fields", ""}, {"values", false}}}};
}

Object panel_json(const Panel& panel, size_t index) {
  constexpr const char* kTypes[] = {"timeseries", "state-timeline", "stat"};
  int64_t place = static_cast<int64_t>(index);
  Object defaults{{"unit", panel.unit},
                  {"color", Object{{"mode", panel.kind == PanelKind::kTimeSeries ? "palette-classic" : "thresholds"}}},
                  {"thresholds", thresholds(panel)},
                  {"mappings", mappings(panel)},
                  {"custom", custom(panel)}};
  return {{"id", place + 1},
          {"type", kTypes[static_cast<size_t>(panel.kind)]},
          {"title", in_grafana_text(panel.title)},
          {"description", in_grafana_text(panel.description)},
          {"gridPos", Object{{"x", place % 2 * kWidth}, {"y", place / 2 * kHeight}, {"w", kWidth}, {"h", kHeight}}},
          {"datasource", source()},
          {"interval", "1s"},
          {"targets", targets(panel)},
          {"fieldConfig", Object{{"defaults", std::move(defaults)}, {"overrides", Array{}}}},
          {"options", options(panel)}};
}

Object shading(const char* name, const char* phase, const char* colour) {
  return {{"name", name},
          {"enable", true},
          {"hide", false},
          {"iconColor", colour},
          {"datasource", source()},
          {"expr", fmt::format("max by (experiment) (ordeal_run_phase{{phase=\"{}\"}}) == 1", phase)},
          {"step", "1s"},
          {"titleFormat", fmt::format("{}: {{{{experiment}}}}", name)},
          {"tagKeys", "experiment"}};
}

Object source_variable() {
  return {{"name", "datasource"},
          {"label", "Data source"},
          {"type", "datasource"},
          {"query", "prometheus"},
          {"current", Object{{"text", "default"}, {"value", "default"}, {"selected", true}}},
          {"hide", 0},
          {"includeAll", false},
          {"multi", false},
          {"options", Array{}},
          {"refresh", 1},
          {"regex", ""},
          {"skipUrlSync", false}};
}

}  // namespace

Value grafana_dashboard(const std::string& title, const std::string& uid, const std::vector<Panel>& panels) {
  Array all;
  for (size_t i = 0; i < panels.size(); ++i) all.push_back(panel_json(panels[i], i));
  Array shades{shading("Attack", "during", "red"), shading("Baseline", "before", "blue"),
               shading("Recovery", "after", "green")};
  return Object{{"id", nullptr},
                {"uid", uid},
                {"title", title},
                {"description", "Made by `ordeal dashboard`. The queries have the windows that the run is judged by."},
                {"tags", Array{"ordeal", "chaos"}},
                {"schemaVersion", kSchemaVersion},
                {"version", 1},
                {"editable", false},
                {"graphTooltip", 1},
                {"fiscalYearStartMonth", 0},
                {"timezone", "browser"},
                {"refresh", "5s"},
                {"time", Object{{"from", "now-15m"}, {"to", "now"}}},
                {"timepicker", Object{{"refresh_intervals", Array{"5s", "10s", "1m"}}}},
                {"links", Array{}},
                {"templating", Object{{"list", Array{source_variable()}}}},
                {"annotations", Object{{"list", std::move(shades)}}},
                {"panels", std::move(all)}};
}

}  // namespace ordeal::dashboard
