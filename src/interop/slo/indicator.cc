#include "interop/slo/indicator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "prometheus/promql/functions/function_table.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"

namespace ordeal::slo {
namespace {

using json::Reader;
using Method = Indicator::Method;

// Windows that other tools fill in before they ask.
constexpr std::array<std::string_view, 7> kPlaceholders{
    "{{.window}}", "{{ .window }}", "{{window}}", "{{ window }}", "$__rate_interval", "$__interval", "${window}"};
constexpr const char* kFilledIn = "5m";

struct Source {
  std::string query;  // as PromQL reads it
  bool filled_in = false;
};

Source fill_in(std::string query) {
  Source source{std::move(query)};
  for (std::string_view placeholder : kPlaceholders)
    for (size_t at; (at = source.query.find(placeholder)) != std::string::npos; source.filled_in = true)
      source.query.replace(at, placeholder.size(), kFilledIn);
  return source;
}

Result<Reader> find_query(const Reader& source) {
  Reader spec = TRY(source.at("spec"));
  auto query = TRY(spec.find("query")), promql = TRY(spec.find("promql"));
  if (query) return *query;
  if (promql) return *promql;
  return advised(spec.refuse("\"query\" is missing"), "write query: with the PromQL of the metric");
}

// The PromQL of a metricSource.
Result<std::string> decode_source(const Reader& reader, Indicator& indicator) {
  TRY_VOID(reader.only({"metricSource"}));
  Reader source = TRY(reader.at("metricSource"));
  TRY_VOID(source.only({"type", "metricSourceRef", "spec"}));
  if (auto type = TRY(source.find("type")))
    if (std::string name = TRY(type->text()); name != "Prometheus" && name != "prometheus")
      return advised(type->expected("Prometheus, the only source that is read"),
                     "give the metric as PromQL, with type: Prometheus");
  Reader query = TRY(find_query(source));
  Source text = fill_in(TRY(query.text()));
  auto parsed = promql::parse(text.query);
  if (!parsed)
    return advised(query.refuse(parsed.error().message()), "write a query that Prometheus takes as it stands");
  promql::ValueKind kind = (*parsed)->kind();
  if (kind == promql::ValueKind::kMatrix)
    return advised(query.refuse("expected a number for each series, found a range"), "leave the range [...] out");
  if (kind != promql::ValueKind::kVector && kind != promql::ValueKind::kScalar)
    return query.refuse(fmt::format("expected a number for each series, found a {}", promql::kind_name(kind)));
  if (text.filled_in)
    indicator.notes.push_back(
        fmt::format("{}: the window that another tool fills in is taken as {}", query.path(), kFilledIn));
  return promql::print(**parsed);
}

const promql::Expr& without_sums(const promql::Expr& expr) {
  const promql::Expr* inside = &promql::inner(expr);
  while (const auto* sum = std::get_if<promql::Aggregate>(&inside->node)) {
    if (sum->op != promql::AggregateOp::kSum) break;
    inside = &promql::inner(*sum->expr);
  }
  return *inside;
}

// What grows at that rate; null for what is no rate of a counter as it is now.
const promql::VectorSelector* rated(const promql::Expr& expr) {
  const auto* call = std::get_if<promql::Call>(&expr.node);
  if (!call || call->arguments.empty()) return nullptr;
  std::string_view name = promql::name_of(*call);
  if (name != "rate" && name != "increase" && name != "irate") return nullptr;
  const auto* range = std::get_if<promql::MatrixSelector>(&promql::inner(*call->arguments.front()).node);
  return range && range->selector.shift == promql::TimeShift() ? &range->selector : nullptr;
}

std::string printed_selector(const promql::VectorSelector& selector) {
  promql::Expr expr;
  expr.node = promql::VectorSelector{selector.name, selector.matchers, selector.shift};
  return promql::print(expr);
}

// What to write instead of something that is no counter.
std::string counter_hint(const promql::Expr& expr) {
  const auto* binary = std::get_if<promql::Binary>(&promql::inner(expr).node);
  if (binary && binary->op == promql::BinaryOp::kSub) return "give what is subtracted as bad:, and leave good: out";
  if (binary && binary->op == promql::BinaryOp::kDiv)
    return "a ratio that is computed already is given as raw:, with rawType: success or failure";
  if (binary) return "select the series of both with one selector, such as {code=~\"2..|3..\"}";
  return "give the counter itself, such as http_requests_total{code=~\"5..\"}, or a sum() of it, without offset and @";
}

// A counter by itself, or the sum of it: what increase() can be made of.
Result<std::string> decode_counter(const Reader& reader, Indicator& indicator, bool& rate) {
  std::string text = TRY(decode_source(reader, indicator));
  auto parsed = TRY(promql::parse(text));
  const promql::Expr& inside = without_sums(*parsed);
  const auto* selector = std::get_if<promql::VectorSelector>(&inside.node);
  if (selector && selector->shift == promql::TimeShift()) return text;
  if (const promql::VectorSelector* counter = rated(inside)) {
    rate = true;
    std::string sum = fmt::format("sum({})", printed_selector(*counter));
    indicator.notes.push_back(fmt::format(
        "{}: {} is read as the counter {}, of which each window of the budget is taken", reader.path(), text, sum));
    return sum;
  }
  return advised(TRY(reader.at("metricSource")).refuse(fmt::format("expected a counter, found \"{}\"", text)),
                 counter_hint(*parsed));
}

// For what is no rate: a rate says by itself that it is of a counter.
Result<> check_counter(const Reader& reader) {
  auto counter = TRY(reader.find("counter"));
  if (!counter)
    return advised(reader.refuse("\"counter\" is missing"),
                   "write counter: true beside total: where both numbers only go up");
  if (TRY(counter->boolean())) return {};
  return advised(counter->refuse("numbers that go up and down cannot be added up to a budget"),
                 "name counters, with counter: true; a ratio that is computed already is given as raw:");
}

Result<Indicator> decode_ratio(const Reader& reader) {
  TRY_VOID(reader.only({"counter", "good", "bad", "total", "raw", "rawType"}));
  Indicator indicator;
  if (auto raw = TRY(reader.find("raw"))) {
    auto word = TRY(reader.find("rawType"));
    if (!word)
      return advised(reader.refuse("\"rawType\" is missing"), "write rawType: success, or failure, beside raw:");
    indicator.kind =
        TRY(word->word({"success", "failure"})) == "success" ? Method::kSuccessRatio : Method::kFailureRatio;
    indicator.part = TRY(decode_source(*raw, indicator));
    return indicator;
  }
  auto good = TRY(reader.find("good")), bad = TRY(reader.find("bad"));
  if (good.has_value() == bad.has_value())
    return advised(reader.refuse("expected good or bad, and not both"), "leave one of them out: total tells the other");
  bool part_is_rate = false, total_is_rate = false;
  indicator.kind = good ? Method::kGoodOfTotal : Method::kBadOfTotal;
  indicator.part = TRY(decode_counter(good ? *good : *bad, indicator, part_is_rate));
  indicator.total = TRY(decode_counter(TRY(reader.at("total")), indicator, total_is_rate));
  if (!part_is_rate || !total_is_rate) TRY_VOID(check_counter(reader));
  return indicator;
}

}  // namespace

Unexpected advised(Unexpected refusal, std::string hint) {
  refusal.value().hint = std::move(hint);
  return refusal;
}

Result<Indicator> decode_indicator(const Reader& spec) {
  TRY_VOID(spec.only({"description", "ratioMetric", "thresholdMetric"}));
  auto ratio = TRY(spec.find("ratioMetric")), threshold = TRY(spec.find("thresholdMetric"));
  if (ratio.has_value() == threshold.has_value())
    return spec.refuse("expected ratioMetric or thresholdMetric, and not both");
  if (ratio) return decode_ratio(*ratio);
  Indicator indicator;
  indicator.kind = Method::kThreshold;
  indicator.part = TRY(decode_source(*threshold, indicator));
  return indicator;
}

}  // namespace ordeal::slo
