#include "prometheus/promapi/api.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <set>

#include "core/base/text/text.h"
#include "core/json/value.h"
#include "prometheus/promql/syntax/literals.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::promapi {
namespace {

using promql::QueryResult;
using promql::ValueKind;

// What goes wrong, in Prometheus' terms.
struct Trouble {
  int status;
  std::string_view type;
  std::string what;
};
template <typename T>
using Or = tl::expected<T, Trouble>;

auto bad_data(std::string what) { return tl::unexpected(Trouble{400, "bad_data", std::move(what)}); }
auto bad_parameter(std::string_view name, const Error& error) {
  return bad_data(fmt::format("invalid parameter \"{}\": {}", name, error.message()));
}

Answer refuse(const Trouble& trouble) {
  return {trouble.status,
          json::write(json::Object{{"status", "error"}, {"errorType", trouble.type}, {"error", trouble.what}})};
}

json::Array strings(const std::vector<std::string>& texts) {
  json::Array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

Answer accept(json::Value data, const QueryResult* annotated = nullptr) {
  json::Object body{{"status", "success"}, {"data", std::move(data)}};
  if (annotated && !annotated->warnings.empty()) body["warnings"] = strings(annotated->warnings);
  if (annotated && !annotated->infos.empty()) body["infos"] = strings(annotated->infos);
  return {200, json::write(body)};
}

const std::string* find(const Parameters& parameters, std::string_view name) {
  for (const auto& [key, value] : parameters)
    if (key == name) return &value;
  return nullptr;
}

Or<int64_t> time_of(const Parameters& parameters, std::string_view name, std::optional<int64_t> otherwise) {
  const std::string* text = find(parameters, name);
  if ((!text || text->empty()) && otherwise) return *otherwise;
  auto ms = parse_time(text ? *text : "");
  if (!ms) return bad_parameter(name, ms.error());
  return *ms;
}

// 15, 1.5 or 1m30s.
Or<int64_t> duration_of(const Parameters& parameters, std::string_view name) {
  const std::string* text = find(parameters, name);
  auto seconds = text ? parse_number<double>(*text) : std::nullopt;
  auto ms = seconds ? promql::duration_of_seconds(*seconds)
            : text  ? promql::parse_promql_duration(*text)
                    : std::nullopt;
  if (!ms)
    return bad_data(
        fmt::format("invalid parameter \"{}\": cannot parse \"{}\" to a valid duration", name, text ? *text : ""));
  if (*ms <= 0)
    return bad_data(fmt::format("invalid parameter \"{}\": zero or negative {} is not accepted", name, name));
  return *ms;
}

Or<promql::ExprPtr> query_of(const Parameters& parameters) {
  const std::string* text = find(parameters, "query");
  auto expr = promql::parse(text ? *text : "");
  if (!expr) return bad_parameter("query", expr.error());
  return std::move(*expr);
}

// Some seconds at most; Prometheus has 50 million samples in memory at one time, and two minutes.
constexpr size_t kMostWork = 200'000'000;

Or<promql::EvalOptions> options_of(const Parameters& parameters, int64_t default_step_ms) {
  promql::EvalOptions options;
  options.default_step_ms = default_step_ms;
  options.most_work = kMostWork;
  if (!find(parameters, "lookback_delta")) return options;
  auto lookback = duration_of(parameters, "lookback_delta");
  if (!lookback) return tl::unexpected(lookback.error());
  options.lookback_ms = *lookback;
  return options;
}

// 0 is no limit.
Or<size_t> limit_of(const Parameters& parameters) {
  const std::string* text = find(parameters, "limit");
  if (!text) return 0;
  auto limit = parse_number<size_t>(*text);
  if (!limit) return bad_data(fmt::format("invalid parameter \"limit\": \"{}\" is not a number from 0 up", *text));
  return *limit;
}

json::Object labels_json(const promql::Labels& labels) {
  json::Object object;
  for (const auto& [name, value] : labels) object.emplace(name, value);
  return object;
}

json::Array point(int64_t ms, double value) {
  json::Value time = ms % 1000 == 0 ? json::Value(ms / 1000) : json::Value(static_cast<double>(ms) / 1000);
  return {std::move(time), promql::value_text(value)};
}

json::Array result_json(const QueryResult& result, int64_t at_ms, size_t limit) {
  json::Array array;
  if (result.kind == ValueKind::kScalar) return point(at_ms, result.scalar);
  if (result.kind == ValueKind::kString) return {point(at_ms, 0)[0], result.string};
  auto full = [&] { return limit > 0 && array.size() == limit; };
  for (const promql::VectorElement& element : result.vector)
    if (!full())
      array.push_back(json::Object{{"metric", labels_json(element.labels)}, {"value", point(at_ms, element.value)}});
  for (const promql::MatrixSeries& series : result.matrix) {
    if (full()) break;
    json::Array values;
    for (const promql::Sample& sample : series.samples) values.push_back(point(sample.ms, sample.value));
    array.push_back(json::Object{{"metric", labels_json(series.labels)}, {"values", std::move(values)}});
  }
  return array;
}

Answer query_answer(Result<QueryResult> result, int64_t at_ms, size_t limit) {
  if (!result) return refuse({422, "execution", result.error().message()});
  json::Object data{{"resultType", promql::kind_name(result->kind)}, {"result", result_json(*result, at_ms, limit)}};
  return accept(std::move(data), &*result);
}

Answer query(const promql::Storage& storage, const Parameters& parameters, int64_t now_ms, int64_t default_step_ms) {
  auto limit = limit_of(parameters);
  if (!limit) return refuse(limit.error());
  auto at = time_of(parameters, "time", now_ms);
  if (!at) return refuse(at.error());
  auto options = options_of(parameters, default_step_ms);
  if (!options) return refuse(options.error());
  auto expr = query_of(parameters);
  if (!expr) return refuse(expr.error());
  return query_answer(promql::eval_instant(**expr, storage, *at, *options), *at, *limit);
}

struct Range {
  int64_t from_ms, to_ms, step_ms;
};

Or<Range> range_of(const Parameters& parameters) {
  auto from = time_of(parameters, "start", std::nullopt);
  if (!from) return tl::unexpected(from.error());
  auto to = time_of(parameters, "end", std::nullopt);
  if (!to) return tl::unexpected(to.error());
  if (*to < *from) return bad_data("invalid parameter \"end\": end timestamp must not be before start time");
  auto step = duration_of(parameters, "step");
  if (!step) return tl::unexpected(step.error());
  if ((*to - *from) / *step > kMostPoints)
    return bad_data(
        fmt::format("exceeded maximum resolution of {} points per timeseries. Try decreasing the query "
                    "resolution (?step=XX)",
                    kMostPoints));
  return Range{*from, *to, *step};
}

Answer query_range(const promql::Storage& storage, const Parameters& parameters, int64_t default_step_ms) {
  auto limit = limit_of(parameters);
  if (!limit) return refuse(limit.error());
  auto range = range_of(parameters);
  if (!range) return refuse(range.error());
  auto options = options_of(parameters, default_step_ms);
  if (!options) return refuse(options.error());
  auto expr = query_of(parameters);
  if (!expr) return refuse(expr.error());
  if (ValueKind kind = (*expr)->kind(); kind != ValueKind::kScalar && kind != ValueKind::kVector)
    return refuse({400, "bad_data",
                   fmt::format("invalid parameter \"query\": invalid expression type \"{}\" for range query, must be "
                               "Scalar or instant Vector",
                               kind == ValueKind::kMatrix ? "range vector" : "string")});
  auto result = promql::eval_range(**expr, storage, range->from_ms, range->to_ms, range->step_ms, *options);
  return query_answer(std::move(result), range->to_ms, *limit);
}

// The label sets of the series that one of the match[] selectors takes, with a sample between start and end.
Or<std::set<promql::Labels>> matching_series(const promql::Storage& storage, const Parameters& parameters,
                                             bool needs_selector) {
  auto from = time_of(parameters, "start", std::numeric_limits<int64_t>::min() + 1);
  if (!from) return tl::unexpected(from.error());
  auto to = time_of(parameters, "end", std::numeric_limits<int64_t>::max());
  if (!to) return tl::unexpected(to.error());
  std::set<promql::Labels> found;
  auto take = [&](std::span<const promql::Matcher> matchers) {
    for (const promql::Series& series : storage.select(matchers).series)
      if (!series.between(*from - 1, *to).empty()) found.insert(series.labels);
  };
  bool any = false;
  for (const auto& [name, text] : parameters) {
    if (name != "match[]") continue;
    any = true;
    auto expr = promql::parse(text);
    if (!expr) return bad_parameter("match[]", expr.error());
    const auto* selector = std::get_if<promql::VectorSelector>(&(*expr)->node);
    if (!selector) return bad_data(fmt::format("invalid parameter \"match[]\": \"{}\" is not a selector", text));
    take(selector->matchers);
  }
  if (!any && needs_selector) return bad_data("no match[] parameter provided");
  if (!any) take({});
  return found;
}

Answer series(const promql::Storage& storage, const Parameters& parameters) {
  auto found = matching_series(storage, parameters, true);
  if (!found) return refuse(found.error());
  auto limit = limit_of(parameters);
  if (!limit) return refuse(limit.error());
  json::Array array;
  for (const promql::Labels& labels : *found)
    if (*limit == 0 || array.size() < *limit) array.push_back(labels_json(labels));
  return accept(std::move(array));
}

// One value of each series' labels: `pick` says which.
template <typename Pick>
Answer distinct(const promql::Storage& storage, const Parameters& parameters, Pick pick) {
  auto found = matching_series(storage, parameters, false);
  if (!found) return refuse(found.error());
  auto limit = limit_of(parameters);
  if (!limit) return refuse(limit.error());
  std::set<std::string> texts;
  for (const promql::Labels& labels : *found)
    for (const auto& [name, value] : labels) pick(name, value, texts);
  json::Array array;
  for (const std::string& text : texts)
    if (*limit == 0 || array.size() < *limit) array.emplace_back(text);
  return accept(std::move(array));
}

Answer label_names(const promql::Storage& storage, const Parameters& parameters) {
  return distinct(storage, parameters,
                  [](std::string_view name, std::string_view, std::set<std::string>& texts) { texts.emplace(name); });
}

Answer label_values(const promql::Storage& storage, const Parameters& parameters, std::string_view wanted) {
  return distinct(storage, parameters,
                  [&](std::string_view name, std::string_view value, std::set<std::string>& texts) {
                    if (name == wanted) texts.emplace(value);
                  });
}

Answer metadata_answer(const Api::MetadataMap& metadata, const Parameters& parameters) {
  auto limit = limit_of(parameters);
  if (!limit) return refuse(limit.error());
  const std::string* metric = find(parameters, "metric");
  json::Object data;
  for (const auto& [name, entry] : metadata) {
    if (metric && !metric->empty() && *metric != name) continue;
    if (*limit > 0 && data.size() == *limit) break;
    data[name] = json::Array{json::Object{{"type", entry.type}, {"help", entry.help}, {"unit", ""}}};
  }
  return accept(std::move(data));
}

}  // namespace

Answer Api::answer(std::string_view path, const Parameters& parameters, int64_t now_ms) const {
  constexpr std::string_view kRoot = "/api/v1/", kLabel = "label/", kValues = "/values";
  std::string_view name = path.starts_with(kRoot) ? path.substr(kRoot.size()) : std::string_view();
  if (name == "query") return query(storage_, parameters, now_ms, default_step_ms_);
  if (name == "query_range") return query_range(storage_, parameters, default_step_ms_);
  if (name == "series") return series(storage_, parameters);
  if (name == "labels") return label_names(storage_, parameters);
  if (name == "metadata") return metadata_answer(metadata_, parameters);
  // Grafana chooses what it asks by this version.
  if (name == "status/buildinfo")
    return accept(json::Object{{"version", "3.0.0"}, {"application", "ordeal"}, {"ordeal", version_}});
  if (name.starts_with(kLabel) && name.ends_with(kValues) && name.size() > kLabel.size() + kValues.size())
    return label_values(storage_, parameters, name.substr(kLabel.size(), name.size() - kLabel.size() - kValues.size()));
  return refuse({404, "not_found", fmt::format("Ordeal does not answer {}", path)});
}

}  // namespace ordeal::promapi
