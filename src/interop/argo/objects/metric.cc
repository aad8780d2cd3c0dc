#include "interop/argo/objects/metric.h"

#include <fmt/format.h>

#include <array>

#include "core/base/text/text.h"

namespace ordeal::argo {
namespace {

using json::Reader;

const std::initializer_list<std::string_view> kMetricKeys{"name",
                                                          "interval",
                                                          "initialDelay",
                                                          "count",
                                                          "successCondition",
                                                          "failureCondition",
                                                          "failureLimit",
                                                          "inconclusiveLimit",
                                                          "consecutiveErrorLimit",
                                                          "provider",
                                                          "consecutiveSuccessLimit"};
const std::initializer_list<std::string_view> kProviderKeys{"prometheus", "kayenta",  "web",        "datadog",
                                                            "wavefront",  "newRelic", "job",        "cloudWatch",
                                                            "graphite",   "influxdb", "skywalking", "plugin"};
const std::initializer_list<std::string_view> kPrometheusKeys{"address",  "query",   "authentication", "timeout",
                                                              "insecure", "headers", "rangeQuery"};

struct WholeNumber {
  std::string_view key;
  std::optional<int64_t> Metric::*field;
};
constexpr std::array<WholeNumber, 5> kWholeNumbers{{{"count", &Metric::count},
                                                    {"failureLimit", &Metric::failure_limit},
                                                    {"inconclusiveLimit", &Metric::inconclusive_limit},
                                                    {"consecutiveErrorLimit", &Metric::consecutive_error_limit},
                                                    {"consecutiveSuccessLimit", &Metric::consecutive_success_limit}}};

struct Text {
  std::string_view key;
  std::string Metric::*field;
};
constexpr std::array<Text, 4> kTexts{{{"interval", &Metric::interval},
                                      {"initialDelay", &Metric::initial_delay},
                                      {"successCondition", &Metric::success_condition},
                                      {"failureCondition", &Metric::failure_condition}}};

// A text that may be empty, which is then absent.
Result<std::string> text_or_empty(const Reader& reader) {
  if (reader.value().is_string() && reader.value().get_string().empty()) return std::string();
  return reader.text();
}

Result<int64_t> whole_number(const Reader& reader) {
  constexpr int64_t kLeast = INT32_MIN, kMost = INT32_MAX;
  if (!reader.value().is_string()) return reader.integer(kLeast, kMost);
  auto number = parse_number<int64_t>(std::string_view(reader.value().get_string()));
  if (!number || *number < kLeast || *number > kMost) return reader.expected("a whole number");
  return *number;
}

// What is known of a provider's keys; the values may still be templates.
Result<> check_prometheus(const Reader& reader) {
  TRY_VOID(reader.only(kPrometheusKeys));
  if (auto range = TRY(reader.find("rangeQuery"))) TRY_VOID(range->only({"start", "end", "step"}));
  if (auto headers = TRY(reader.find("headers")))
    for (const Reader& header : TRY(headers->items())) TRY_VOID(header.only({"key", "value"}));
  auto login = TRY(reader.find("authentication"));
  if (!login) return {};
  TRY_VOID(login->only({"sigv4", "oauth2", "basicAuth"}));
  if (auto basic = TRY(login->find("basicAuth"))) TRY_VOID(basic->only({"username", "password"}));
  return {};
}

Result<> check_provider(const Reader& reader) {
  TRY_VOID(reader.only(kProviderKeys));
  if (auto prometheus = TRY(reader.find("prometheus"))) TRY_VOID(check_prometheus(*prometheus));
  return {};
}

Result<RangeQuery> decode_range(const Reader& reader) {
  RangeQuery range;
  range.start = TRY(TRY(reader.at("start")).text());
  range.end = TRY(TRY(reader.at("end")).text());
  range.step = TRY(TRY(reader.at("step")).text());
  return range;
}

Result<> decode_login(const Reader& reader, PrometheusProvider& provider) {
  for (std::string_view foreign : {"sigv4", "oauth2"}) {
    auto field = TRY(reader.find(foreign));
    if (field && field->value().is_object() && !field->value().get_object().empty()) provider.foreign_login = foreign;
  }
  auto basic = TRY(reader.find("basicAuth"));
  if (!basic) return {};
  if (auto field = TRY(basic->find("username"))) provider.username = TRY(text_or_empty(*field));
  if (auto field = TRY(basic->find("password"))) provider.password = TRY(text_or_empty(*field));
  return {};
}

Result<PrometheusProvider> decode_prometheus(const Reader& reader) {
  PrometheusProvider provider;
  if (auto field = TRY(reader.find("address"))) provider.address = TRY(text_or_empty(*field));
  provider.query = TRY(TRY(reader.at("query")).text());
  if (auto field = TRY(reader.find("timeout"))) provider.timeout = TRY(field->integer(INT32_MIN, INT32_MAX));
  if (auto field = TRY(reader.find("insecure"))) provider.insecure = TRY(field->boolean());
  if (auto field = TRY(reader.find("rangeQuery"))) provider.range = TRY(decode_range(*field));
  if (auto field = TRY(reader.find("authentication"))) TRY_VOID(decode_login(*field, provider));
  auto headers = TRY(reader.find("headers"));
  if (!headers) return provider;
  for (const Reader& header : TRY(headers->items())) {
    std::string key = TRY(TRY(header.at("key")).text());
    provider.headers.emplace_back(std::move(key), TRY(text_or_empty(TRY(header.at("value")))));
  }
  return provider;
}

}  // namespace

Result<MetricTemplate> decode_metric_template(const Reader& reader) {
  TRY_VOID(reader.only(kMetricKeys));
  MetricTemplate metric;
  metric.name = TRY(TRY(reader.at("name")).text());
  metric.value = reader.value();
  metric.origin = reader.origin();
  if (auto provider = TRY(reader.find("provider"))) TRY_VOID(check_provider(*provider));
  return metric;
}

Result<Metric> decode_metric(const Reader& reader) {
  TRY_VOID(reader.only(kMetricKeys));
  Metric metric;
  metric.origin = reader.origin();
  metric.name = TRY(TRY(reader.at("name")).text());
  for (const Text& text : kTexts)
    if (auto field = TRY(reader.find(text.key))) metric.*text.field = TRY(text_or_empty(*field));
  for (const WholeNumber& number : kWholeNumbers)
    if (auto field = TRY(reader.find(number.key))) metric.*number.field = TRY(whole_number(*field));
  auto provider = TRY(reader.find("provider"));
  if (!provider) return metric;
  TRY_VOID(check_provider(*provider));
  for (const auto& [key, field] : TRY(provider->fields())) {
    if (field.value().is_null()) continue;
    metric.provider = metric.provider.empty() ? key : "several";
    if (key == "prometheus") metric.prometheus = TRY(decode_prometheus(field));
  }
  return metric;
}

std::string path_in(const json::Origin& origin, std::string_view field) {
  if (field.empty()) return origin.path;
  return origin.path.empty() ? std::string(field) : fmt::format("{}.{}", origin.path, field);
}

int line_in(const json::Origin& origin, std::string_view field) {
  for (std::string path = path_in(origin, field);;) {
    if (auto line = origin.lines.find(path); line != origin.lines.end()) return line->second;
    if (path.empty()) return 0;
    size_t up = path.find_last_of(".[");
    path.resize(up == std::string::npos ? 0 : up);
  }
}

}  // namespace ordeal::argo
