#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "core/model/experiment/part.h"
#include "core/model/experiment/sources.h"
#include "core/model/input/experiment.h"

namespace ordeal {
namespace {

json::Array texts(const std::vector<std::string>& list) {
  json::Array array;
  for (const std::string& text : list) array.push_back(json::Value(text));
  return array;
}

json::Value http_json(const HttpProbe& probe) {
  std::string result = probe.latency ? "latency" : probe.json_field.empty() ? "code" : "json:" + probe.json_field;
  return json::Object{{"url", without_password(probe.url)},
                      {"method", probe.method},
                      {"timeout", format_duration(probe.timeout)},
                      {"result", result}};
}

json::Value certificate_json(const CertificateProbe& probe) {
  json::Object object{{"host", probe.host}, {"port", probe.port}};
  if (!probe.server_name.empty()) object["server_name"] = probe.server_name;
  object["family"] = probe.family;
  object["timeout"] = format_duration(probe.timeout);
  return object;
}

json::Value probe_json(const Expectation& expectation) {
  if (expectation.certificate) return json::Object{{"certificate", certificate_json(*expectation.certificate)}};
  if (expectation.http) return json::Object{{"http", http_json(*expectation.http)}};
  if (expectation.tcp)
    return json::Object{{"tcp", json::Object{{"address", expectation.tcp->address},
                                             {"timeout", format_duration(expectation.tcp->timeout)}}}};
  return json::Object{{"command", json::Object{{"argv", texts(expectation.command->argv)},
                                               {"timeout", format_duration(expectation.command->timeout)}}}};
}

json::Value expectation_json(const Expectation& expectation) {
  constexpr const char* kNoData[] = {"hold", "pass", "breach"};
  json::Array when;
  for (When w : expectation.when) when.push_back(json::Value(to_text(w)));
  json::Object object{{"name", expectation.name}};
  if (!expectation.query.empty()) {
    object["query"] = expectation.query;
  } else {
    object["probe"] = probe_json(expectation);
  }
  object["condition"] = expectation.condition;
  object["when"] = std::move(when);
  object["halt"] = expectation.halt;
  object["no_data"] = kNoData[static_cast<size_t>(expectation.no_data)];
  if (expectation.for_) object["for"] = format_duration(*expectation.for_);
  if (expectation.within) object["within"] = format_duration(*expectation.within);
  object["fast"] = expectation.fast;
  object["expect_series"] = expectation.expect_series;
  return object;
}

json::Value budget_json(const BudgetSpec& budget) {
  json::Object object{{"slo", budget.slo}, {"reserve", budget.reserve}};
  if (!budget.prometheus.empty()) object["prometheus"] = without_password(budget.prometheus);
  return object;
}

}  // namespace

const char* to_text(When when) {
  constexpr const char* kTexts[] = {"before", "during", "after"};
  return kTexts[static_cast<size_t>(when)];
}

json::Value to_json(const Experiment& experiment) {
  json::Array expect;
  for (const Expectation& expectation : experiment.expect) expect.push_back(expectation_json(expectation));
  json::Object object{{"name", experiment.name}};
  if (!experiment.description.empty()) object["description"] = experiment.description;
  if (!experiment.hypothesis.empty()) object["hypothesis"] = experiment.hypothesis;
  put_what_is_done(experiment, object);
  object["expect"] = std::move(expect);
  object["sources"] = to_json(experiment.sources);
  if (experiment.seed) object["seed"] = *experiment.seed;
  object["min_injected"] = experiment.min_injected;
  object["min_events"] = experiment.attack.min_events;
  object["baseline"] = format_duration(experiment.baseline);
  object["recovery"] = format_duration(experiment.recovery);
  if (!experiment.environment.empty()) object["environment"] = experiment.environment;
  if (experiment.all_traffic) object["all_traffic"] = true;
  if (experiment.rollback) {
    json::Array actions;
    for (const RollbackAction& action : *experiment.rollback) actions.push_back(to_json(action));
    object["rollback"] = std::move(actions);
  }
  if (experiment.budget) object["budget"] = budget_json(*experiment.budget);
  return object;
}

}  // namespace ordeal
