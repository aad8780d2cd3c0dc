#include "interop/slo/openslo.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::slo {
namespace {

using json::Reader;
using Method = Indicator::Method;

constexpr std::string_view kVersion = "openslo/v1";

struct Unit {
  char name;
  Nanos length;
};
constexpr Nanos kLongest = 10 * 8760h;  // of a period
constexpr Unit kUnits[] = {{'m', 1min}, {'h', 1h}, {'d', 24h}, {'w', 168h}, {'M', 720h}, {'Q', 2160h}, {'Y', 8760h}};

std::optional<Period> parse_period(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  auto count = parse_number<int64_t>(text.substr(0, text.size() - 1));
  const auto* unit =
      std::find_if(std::begin(kUnits), std::end(kUnits), [&](const Unit& u) { return u.name == text.back(); });
  if (!count || *count <= 0 || unit == std::end(kUnits) || *count > kLongest / unit->length) return std::nullopt;
  return Period{*count, unit->name};
}

Result<Period> decode_period(const Reader& reader) {
  auto period = parse_period(TRY(reader.text()));
  if (!period) return reader.expected("a duration such as 12h, 28d or 1M (m h d w M Q Y), at most 10 years");
  return *period;
}

// The PromQL of a metricSource.
Result<std::string> decode_source(const Reader& reader) {
  TRY_VOID(reader.only({"metricSource"}));
  Reader source = TRY(reader.at("metricSource"));
  TRY_VOID(source.only({"type", "metricSourceRef", "spec"}));
  if (auto type = TRY(source.find("type")))
    if (std::string name = TRY(type->text()); name != "Prometheus" && name != "prometheus")
      return type->expected("Prometheus, the only source that is read");
  Reader query = TRY(TRY(source.at("spec")).at("query"));
  std::string text = TRY(query.text());
  auto parsed = promql::parse(text);
  if (!parsed) return query.refuse(parsed.error().message());
  promql::ValueKind kind = (*parsed)->kind();
  if (kind != promql::ValueKind::kVector && kind != promql::ValueKind::kScalar)
    return query.refuse(fmt::format("expected a number for each series, found a {}", promql::kind_name(kind)));
  return promql::print(**parsed);
}

// A counter by itself, or the sum of it: what increase() can be made of.
Result<std::string> decode_counter(const Reader& reader) {
  std::string text = TRY(decode_source(reader));
  auto parsed = TRY(promql::parse(text));
  const promql::Expr* inside = &promql::inner(*parsed);
  if (auto* sum = std::get_if<promql::Aggregate>(&inside->node); sum && sum->op == promql::AggregateOp::kSum)
    inside = &promql::inner(*sum->expr);
  const auto* selector = std::get_if<promql::VectorSelector>(&inside->node);
  if (!selector || selector->shift != promql::TimeShift())
    return TRY(reader.at("metricSource"))
        .refuse(fmt::format("expected a counter such as http_requests_total{{code=\"500\"}}, without rate(), offset "
                            "and @, found \"{}\"",
                            text));
  return text;
}

Result<Indicator> decode_ratio(const Reader& reader) {
  TRY_VOID(reader.only({"counter", "good", "bad", "total", "raw", "rawType"}));
  if (auto raw = TRY(reader.find("raw"))) {
    std::string type = TRY(TRY(reader.at("rawType")).word({"success", "failure"}));
    std::string source = TRY(decode_source(*raw));
    return Indicator{type == "success" ? Method::kSuccessRatio : Method::kFailureRatio, std::move(source), ""};
  }
  auto good = TRY(reader.find("good")), bad = TRY(reader.find("bad"));
  if (good.has_value() == bad.has_value()) return reader.refuse("expected good or bad, and not both");
  auto counter = TRY(reader.find("counter"));
  if (!counter || !TRY(counter->boolean()))
    return reader.refuse("counter must be true: numbers that go up and down cannot be added up to a budget");
  Indicator indicator;
  indicator.kind = good ? Method::kGoodOfTotal : Method::kBadOfTotal;
  indicator.part = TRY(decode_counter(good ? *good : *bad));
  indicator.total = TRY(decode_counter(TRY(reader.at("total"))));
  return indicator;
}

Result<Indicator> decode_sli(const Reader& spec) {
  TRY_VOID(spec.only({"description", "ratioMetric", "thresholdMetric"}));
  auto ratio = TRY(spec.find("ratioMetric")), threshold = TRY(spec.find("thresholdMetric"));
  if (ratio.has_value() == threshold.has_value())
    return spec.refuse("expected ratioMetric or thresholdMetric, and not both");
  if (ratio) return decode_ratio(*ratio);
  std::string source = TRY(decode_source(*threshold));
  return Indicator{Method::kThreshold, std::move(source), ""};
}

Result<Nanos> decode_start(const Reader& calendar) {
  TRY_VOID(calendar.only({"startTime", "timeZone"}));
  if (auto zone = TRY(calendar.find("timeZone")))
    if (std::string name = TRY(zone->text()); name != "UTC" && name != "Etc/UTC")
      return zone->expected("UTC, the only time zone that is known here");
  Reader start = TRY(calendar.at("startTime"));
  std::string text = TRY(start.text());
  std::replace(text.begin(), text.end(), ' ', 'T');
  auto parsed = parse_rfc3339(text + "Z");
  if (!parsed) return start.expected("a time such as 2026-01-01 00:00:00");
  return *parsed;
}

Result<TimeWindow> decode_window(const Reader& spec) {
  auto list = TRY(spec.find("timeWindow"));
  if (!list) return TimeWindow{};
  auto items = TRY(list->items());
  if (items.size() != 1) return list->refuse(fmt::format("expected exactly one window, found {}", items.size()));
  TRY_VOID(items[0].only({"duration", "isRolling", "calendar"}));
  TimeWindow window;
  window.period = TRY(decode_period(TRY(items[0].at("duration"))));
  if (auto calendar = TRY(items[0].find("calendar"))) window.calendar_start = TRY(decode_start(*calendar));
  if (auto rolling = TRY(items[0].find("isRolling"));
      rolling && TRY(rolling->boolean()) == window.calendar_start.has_value())
    return rolling->refuse("a window is either rolling or has a calendar");
  return window;
}

Result<double> decode_target(const Reader& reader) {
  auto target = TRY(reader.find("target")), percent = TRY(reader.find("targetPercent"));
  if (target.has_value() == percent.has_value()) return reader.refuse("expected target or targetPercent, and not both");
  double value = target ? TRY(target->number(0, 1)) : TRY(percent->number(0, 100)) / 100;
  if (value >= 1) return (target ? *target : *percent).refuse("a target of everything leaves no budget");
  return value;
}

Result<> decode_slice(const Reader& reader, Objective& objective) {
  objective.slice_target = TRY(TRY(reader.at("timeSliceTarget")).number(0, 1));
  Reader window = TRY(reader.at("timeSliceWindow"));
  if (window.value().is_number()) {
    objective.slice = from_seconds(60 * TRY(window.number(1.0 / 60, 24 * 60)));
  } else {
    objective.slice = TRY(decode_period(window)).rolling_length();
  }
  return {};
}

Result<> decode_comparison(const Reader& reader, Objective& objective) {
  constexpr std::pair<std::string_view, const char*> kOps[] = {{"lt", "<"}, {"lte", "<="}, {"gt", ">"}, {"gte", ">="}};
  std::string word = TRY(TRY(reader.at("op")).word({"lt", "lte", "gt", "gte"}));
  for (const auto& [name, symbol] : kOps)
    if (name == word) objective.op = symbol;
  objective.threshold = TRY(TRY(reader.at("value")).number(-1e18, 1e18));
  return {};
}

Result<Objective> decode_objective(const Reader& reader, const Indicator& indicator, bool slices) {
  TRY_VOID(
      reader.only({"displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"}));
  Objective objective;
  if (auto name = TRY(reader.find("displayName"))) objective.name = TRY(name->text());
  objective.target = TRY(decode_target(reader));
  if (slices) TRY_VOID(decode_slice(reader, objective));
  for (std::string_view key : {"timeSliceTarget", "timeSliceWindow"})
    if (auto field = TRY(reader.find(key)); field && !slices)
      return field->refuse("has a meaning only with budgetingMethod: Timeslices");
  if (indicator.kind == Method::kThreshold) TRY_VOID(decode_comparison(reader, objective));
  return objective;
}

Result<std::string> name_of(const Reader& document) {
  Reader metadata = TRY(document.at("metadata"));
  if (auto shown = TRY(metadata.find("displayName"))) return shown->text();
  return TRY(metadata.at("name")).text();
}

using Indicators = std::vector<std::pair<std::string, Indicator>>;

Result<Indicator> find_indicator(const Reader& spec, const Indicators& known) {
  auto inside = TRY(spec.find("indicator")), by_name = TRY(spec.find("indicatorRef"));
  if (inside.has_value() == by_name.has_value()) return spec.refuse("expected indicator or indicatorRef, and not both");
  if (inside) return decode_sli(TRY(inside->at("spec")));
  std::string name = TRY(by_name->text());
  for (const auto& [known_name, indicator] : known)
    if (known_name == name) return indicator;
  return by_name->refuse(fmt::format("there is no SLI of the name \"{}\" in this file", name));
}

Result<Slo> decode_slo(const Reader& document, const Indicators& known) {
  Reader spec = TRY(document.at("spec"));
  TRY_VOID(spec.only({"description", "service", "indicator", "indicatorRef", "timeWindow", "budgetingMethod",
                      "objectives", "alertPolicies"}));
  Slo slo;
  slo.name = TRY(name_of(document));
  if (auto service = TRY(spec.find("service"))) slo.service = TRY(service->text());
  slo.indicator = TRY(find_indicator(spec, known));
  slo.window = TRY(decode_window(spec));
  bool slices = TRY(TRY(spec.at("budgetingMethod")).word({"Occurrences", "Timeslices"})) == "Timeslices";
  Reader objectives = TRY(spec.at("objectives"));
  for (const Reader& item : TRY(objectives.items()))
    slo.objectives.push_back(TRY(decode_objective(item, slo.indicator, slices)));
  if (slo.objectives.empty()) return objectives.expected("at least one objective");
  return slo;
}

Result<std::string> kind_of(const Reader& document) {
  TRY_VOID(document.only({"apiVersion", "kind", "metadata", "spec"}));
  TRY_VOID(TRY(document.at("apiVersion")).word({kVersion}).map([](auto) {}));
  return TRY(document.at("kind"))
      .word({"SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"});
}

}  // namespace

Nanos Period::rolling_length() const {
  for (const Unit& known : kUnits)
    if (known.name == unit) return count * known.length;
  return Nanos(0);
}

std::string full_name(const Slo& slo, const Objective& objective) {
  return objective.name.empty() ? slo.name : slo.name + ": " + objective.name;
}

// decode_openslo() lets nothing in but a selector or a sum of one.
std::string selector_of(const std::string& counter) {
  auto parsed = promql::parse(counter);
  const promql::Expr* inside = &promql::inner(**parsed);
  if (auto* sum = std::get_if<promql::Aggregate>(&inside->node)) inside = &promql::inner(*sum->expr);
  return promql::print(*inside);
}

bool is_openslo(const json::Document& document) {
  const json::Object* object = document.value.if_object();
  const json::Value* version = object ? object->if_contains("apiVersion") : nullptr;
  return version && version->is_string() && std::string_view(version->get_string()).starts_with("openslo/");
}

Result<std::vector<Slo>> decode_openslo(const std::vector<json::Document>& documents) {
  Indicators indicators;
  for (const json::Document& document : documents) {
    Reader reader(document);
    if (TRY(kind_of(reader)) != "SLI") continue;
    std::string name = TRY(TRY(TRY(reader.at("metadata")).at("name")).text());
    indicators.emplace_back(name, TRY(decode_sli(TRY(reader.at("spec")))));
  }
  std::vector<Slo> slos;
  for (const json::Document& document : documents)
    if (Reader reader(document); TRY(kind_of(reader)) == "SLO") slos.push_back(TRY(decode_slo(reader, indicators)));
  if (slos.empty()) return fail(Errc::kInvalidInput, "there is no document of the kind SLO");
  return slos;
}

}  // namespace ordeal::slo
