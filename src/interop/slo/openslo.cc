#include "interop/slo/openslo.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text/text.h"
#include "core/json/reader.h"
#include "interop/slo/indicator.h"
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

Result<Nanos> decode_start(const Reader& calendar) {
  TRY_VOID(calendar.only({"startTime", "timeZone"}));
  if (auto zone = TRY(calendar.find("timeZone")))
    if (std::string name = TRY(zone->text()); name != "UTC" && name != "Etc/UTC")
      return advised(zone->expected("UTC, the only time zone supported"),
                     "write timeZone: UTC, and the start in UTC, or use a rolling window");
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
  if (target && target->value().is_number() && target->value().to_number<double>() > 1)
    return advised(target->expected("a number from 0 to 1"), "a target in percent is written as targetPercent:");
  double value = target ? TRY(target->number(0, 1)) : TRY(percent->number(0, 100)) / 100;
  if (value >= 1)
    return advised((target ? *target : *percent).refuse("a target of everything leaves no budget"), "write 0.999, say");
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

// What OpenSLO allows elsewhere, or for a composite of several indicators.
Result<> refuse_misplaced(const Reader& objective) {
  constexpr std::pair<std::string_view, const char*> kMisplaced[] = {
      {"timeWindow", "write timeWindow: below spec, beside objectives:"},
      {"indicator", "write a separate SLO for each indicator, with indicator: below spec"},
      {"indicatorRef", "write a separate SLO for each indicator, with indicatorRef: below spec"},
      {"ratioMetrics", "that is openslo/v1alpha: write indicator: {spec: {ratioMetric: ...}} below spec"}};
  for (const auto& [key, hint] : kMisplaced)
    if (auto found = TRY(objective.find(key))) return advised(found->refuse("is not read here"), hint);
  return {};
}

Result<Objective> decode_objective(const Reader& reader, const Indicator& indicator, bool slices) {
  TRY_VOID(refuse_misplaced(reader));
  TRY_VOID(
      reader.only({"displayName", "op", "value", "target", "targetPercent", "timeSliceTarget", "timeSliceWindow"}));
  Objective objective;
  if (auto name = TRY(reader.find("displayName"))) objective.name = TRY(name->text());
  objective.target = TRY(decode_target(reader));
  if (slices) TRY_VOID(decode_slice(reader, objective));
  for (std::string_view key : {"timeSliceTarget", "timeSliceWindow"})
    if (auto field = TRY(reader.find(key)); field && !slices)
      return field->refuse("only has a meaning with budgetingMethod: Timeslices");
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
  if (inside) return decode_indicator(TRY(inside->at("spec")));
  std::string name = TRY(by_name->text());
  for (const auto& [known_name, indicator] : known)
    if (known_name == name) return indicator;
  return advised(by_name->refuse(fmt::format("there is no SLI named \"{}\" in this file", name)),
                 "put the SLI into the same file, behind a line of ---");
}

Result<bool> budgets_slices(const Reader& spec) {
  auto method = TRY(spec.find("budgetingMethod"));
  if (!method)
    return advised(spec.refuse("\"budgetingMethod\" is missing"), "write budgetingMethod: Occurrences, or Timeslices");
  auto word = method->word({"Occurrences", "Timeslices"});
  if (!word)
    return advised(Unexpected(word.error()), "count events with Occurrences, or slices of time with Timeslices");
  return *word == "Timeslices";
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
  bool slices = TRY(budgets_slices(spec));
  Reader objectives = TRY(spec.at("objectives"));
  for (const Reader& item : TRY(objectives.items()))
    slo.objectives.push_back(TRY(decode_objective(item, slo.indicator, slices)));
  if (slo.objectives.empty()) return objectives.expected("at least one objective");
  return slo;
}

Result<std::string> kind_of(const Reader& document) {
  TRY_VOID(document.only({"apiVersion", "kind", "metadata", "spec"}));
  Reader version = TRY(document.at("apiVersion"));
  if (std::string text = TRY(version.text()); text != kVersion)
    return advised(version.expected(kVersion), "write apiVersion: openslo/v1, and follow its form");
  return TRY(document.at("kind"))
      .word({"SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget"});
}

// A document is one object, or a list of them.
Result<std::vector<Reader>> objects_of(const std::vector<json::Document>& documents) {
  std::vector<Reader> objects;
  for (const json::Document& document : documents) {
    Reader reader(document);
    if (!reader.value().is_array()) {
      objects.push_back(reader);
      continue;
    }
    for (Reader& item : TRY(reader.items())) objects.push_back(std::move(item));
  }
  return objects;
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

std::vector<std::string> notes_of(const std::vector<Slo>& slos) {
  std::vector<std::string> notes;
  for (const Slo& slo : slos)
    for (const std::string& note : slo.indicator.notes)
      if (std::find(notes.begin(), notes.end(), note) == notes.end()) notes.push_back(note);
  return notes;
}

// decode_openslo() lets nothing in but a selector or a sum of one.
std::string selector_of(const std::string& counter) {
  auto parsed = promql::parse(counter);
  const promql::Expr* inside = &promql::inner(**parsed);
  if (auto* sum = std::get_if<promql::Aggregate>(&inside->node)) inside = &promql::inner(*sum->expr);
  return promql::print(*inside);
}

bool is_openslo(const json::Document& document) {
  const json::Array* list = document.value.if_array();
  const json::Value* first = list ? (list->empty() ? nullptr : &list->front()) : &document.value;
  const json::Object* object = first ? first->if_object() : nullptr;
  const json::Value* version = object ? object->if_contains("apiVersion") : nullptr;
  if (!version || !version->is_string()) return false;
  std::string_view text = version->get_string();
  return text.starts_with("openslo/") || text.starts_with("openslo.com/") || text.starts_with("OpenSLO/");
}

Result<std::vector<Slo>> decode_openslo(const std::vector<json::Document>& documents) {
  std::vector<Reader> objects = TRY(objects_of(documents));
  Indicators indicators;
  for (const Reader& object : objects) {
    if (TRY(kind_of(object)) != "SLI") continue;
    std::string name = TRY(TRY(TRY(object.at("metadata")).at("name")).text());
    indicators.emplace_back(name, TRY(decode_indicator(TRY(object.at("spec")))));
  }
  std::vector<Slo> slos;
  for (const Reader& object : objects)
    if (TRY(kind_of(object)) == "SLO") slos.push_back(TRY(decode_slo(object, indicators)));
  if (slos.empty()) return fail(Errc::kInvalidInput, "there is no document of kind SLO");
  return slos;
}

}  // namespace ordeal::slo
