#include "watch/sources/prometheus_api.h"

#include <fmt/core.h>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/json/value.h"

namespace ordeal::watch {

namespace {

const json::Value* field(const json::Value& value, std::string_view name) {
  const auto* object = value.if_object();
  return object ? object->if_contains(name) : nullptr;
}

std::string string_of(const json::Value* value) {
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string(text->data(), text->size()) : std::string();
}

Unexpected not_the_api(const char* what) {
  return fail(Errc::kInvalidInput, fmt::format("the response is not Prometheus': {}", what),
              "Is the URL the base of a Prometheus, such as http://prometheus:9090?");
}

// https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview
Errc code_of(std::string_view error_type) {
  if (error_type == "timeout") return Errc::kTimeout;
  return error_type == "bad_data" ? Errc::kUnsupported : Errc::kSystem;
}

// The `data` of an answer whose status is success.
Result<json::Value> data_of(std::string_view body, std::vector<std::string>* warnings = nullptr) {
  auto parsed = json::parse(body);
  if (!parsed) return not_the_api("it is no JSON");
  std::string status = string_of(field(*parsed, "status"));
  if (status == "error") {
    std::string type = string_of(field(*parsed, "errorType"));
    return fail(code_of(type), fmt::format("Prometheus says {}: {}", type, string_of(field(*parsed, "error"))));
  }
  const json::Value* data = field(*parsed, "data");
  if (status != "success" || !data) return not_the_api("it has no status or no data");
  for (const char* name : {"warnings", "infos"}) {
    const json::Value* list = field(*parsed, name);
    if (!warnings || !list || !list->is_array()) continue;
    for (const auto& each : list->get_array()) warnings->push_back(string_of(&each));
  }
  return *data;
}

std::optional<double> number_of(const json::Value& value) {
  std::string text = string_of(&value);
  // from_chars reads inf and nan, but no plus sign.
  return parse_number<double>(text.rfind('+', 0) == 0 ? std::string_view(text).substr(1) : std::string_view(text));
}

// [1700000000.123, "0.5"]
Result<promql::Sample> sample_of(const json::Value& value) {
  const auto* pair = value.if_array();
  if (!pair || pair->size() != 2 || !(*pair)[0].is_number()) return not_the_api("a sample is not [time, value]");
  auto number = number_of((*pair)[1]);
  if (!number) return not_the_api("a sample's value is not a number");
  double seconds_since_epoch = (*pair)[0].to_number<double>();
  if (!(std::abs(seconds_since_epoch) < 9e15)) return not_the_api("a sample's time is out of range");
  return promql::Sample{static_cast<int64_t>(seconds_since_epoch * 1000), *number};
}

Result<promql::Labels> labels_of(const json::Value& element) {
  const json::Value* metric = field(element, "metric");
  if (!metric || !metric->is_object()) return not_the_api("an element has no metric");
  std::vector<promql::Labels::Pair> pairs;
  for (const auto& [name, value] : metric->get_object()) pairs.emplace_back(std::string(name), string_of(&value));
  return promql::Labels(std::move(pairs));
}

Result<> read_vector(const json::Array& elements, promql::QueryResult& into) {
  for (const auto& element : elements) {
    promql::Labels labels = TRY(labels_of(element));
    const json::Value* value = field(element, "value");
    if (!value) return fail(Errc::kUnsupported, "the query returns native histograms, which cannot be compared");
    double number = TRY(sample_of(*value)).value;
    into.vector.push_back({std::move(labels), number});
  }
  return {};
}

Result<> read_matrix(const json::Array& elements, promql::QueryResult& into) {
  for (const auto& element : elements) {
    promql::MatrixSeries series{TRY(labels_of(element)), {}};
    const json::Value* values = field(element, "values");
    if (!values || !values->is_array()) return not_the_api("a series has no values");
    for (const auto& value : values->get_array()) series.samples.push_back(TRY(sample_of(value)));
    into.matrix.push_back(std::move(series));
  }
  return {};
}

Result<> read_scalar(const json::Array& pair, promql::QueryResult& into) {
  into.scalar = TRY(sample_of(pair)).value;
  return {};
}

Result<> read_string(const json::Array& pair, promql::QueryResult& into) {
  if (pair.size() != 2) return not_the_api("a string is not [time, text]");
  into.string = string_of(&pair[1]);
  return {};
}

struct ResultType {
  std::string_view name;
  promql::ValueKind kind;
  Result<> (*read)(const json::Array&, promql::QueryResult&);
};
constexpr ResultType kResultTypes[] = {{"vector", promql::ValueKind::kVector, read_vector},
                                       {"matrix", promql::ValueKind::kMatrix, read_matrix},
                                       {"scalar", promql::ValueKind::kScalar, read_scalar},
                                       {"string", promql::ValueKind::kString, read_string}};

}  // namespace

Result<QueryAnswer> parse_query_answer(std::string_view body) {
  QueryAnswer answer;
  json::Value data = TRY(data_of(body, &answer.warnings));
  std::string type_name = string_of(field(data, "resultType"));
  const json::Value* result = field(data, "result");
  if (!result || !result->is_array()) return not_the_api("it has no result");
  for (const auto& type : kResultTypes) {
    if (type.name != type_name) continue;
    answer.result.kind = type.kind;
    TRY_VOID(type.read(result->get_array(), answer.result));
    return answer;
  }
  return not_the_api("its resultType is unknown");
}

Result<std::string> parse_build_version(std::string_view body) {
  json::Value data = TRY(data_of(body));
  std::string version = string_of(field(data, "version"));
  if (version.empty()) return not_the_api("it names no version");
  return version;
}

Result<std::optional<SlowestScrape>> parse_slowest_scrape(std::string_view body) {
  json::Value data = TRY(data_of(body));
  const json::Value* targets = field(data, "activeTargets");
  if (!targets || !targets->is_array()) return not_the_api("it lists no targets");
  std::optional<SlowestScrape> slowest;
  for (const auto& target : targets->get_array()) {
    auto interval = parse_duration(string_of(field(target, "scrapeInterval")));
    if (!interval) continue;
    Nanos fastest = slowest ? std::min(slowest->fastest, *interval) : *interval;
    if (!slowest || *interval > slowest->interval)
      slowest = SlowestScrape{*interval, string_of(field(target, "scrapePool"))};
    slowest->fastest = fastest;
  }
  return slowest;
}

}  // namespace ordeal::watch
