#include "run/session/tenant/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/base/duration.h"
#include "core/base/text/url.h"
#include "platform/net/client/outward.h"
#include "prometheus/promql/syntax/parser.h"

namespace ordeal::session {
namespace {

constexpr size_t kMostExpectations = 32;

Result<> check_address(const std::string& field, const std::string& url) {
  std::string whole = url.find("://") == std::string::npos ? "tcp://" + url : url;
  auto parts = parse_url(whole);
  std::string host = parts ? std::string(parts->host) : url;
  if (parts && net::is_outward(host)) return {};
  return fail(Errc::kRefused,
              fmt::format("spec.{}: {} is an address of the controller's own host or link, which it does not ask for "
                          "an Experiment",
                          field, host),
              "give the address of a Service or a pod");
}

Result<> check_addresses(const Experiment& experiment) {
  const Sources& sources = experiment.sources;
  if (!sources.prometheus.empty()) TRY_VOID(check_address("sources.prometheus", sources.prometheus));
  for (size_t i = 0; i < sources.scrape.size(); ++i)
    TRY_VOID(check_address(fmt::format("sources.scrape[{}].url", i), sources.scrape[i].url));
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    std::string field = fmt::format("expect[{}].probe.", i);
    if (const auto& http = experiment.expect[i].http) TRY_VOID(check_address(field + "http", http->url));
    if (const auto& look = experiment.expect[i].certificate)
      TRY_VOID(check_address(field + "certificate", look->address()));
    if (const auto& tcp = experiment.expect[i].tcp) TRY_VOID(check_address(field + "tcp", tcp->address));
  }
  if (!experiment.rollback) return {};
  for (size_t i = 0; i < experiment.rollback->size(); ++i)
    if (const auto* http = std::get_if<HttpAction>(&(*experiment.rollback)[i].what))
      TRY_VOID(check_address(fmt::format("rollback[{}].http", i), http->url));
  return {};
}

// Each of its steps evaluates all that is below it.
Result<> check_steps(const promql::Expr& expr, Nanos interval) {
  const auto* subquery = std::get_if<promql::Subquery>(&expr.node);
  if (subquery && subquery->step) {
    int64_t step = TRY(subquery->step->ms_in(0, 0, false));
    if (milliseconds(step) < interval)
      return fail(Errc::kInvalidInput,
                  fmt::format("a subquery has the step {}, and there is a sample every {}",
                              format_duration(milliseconds(step)), format_duration(interval)),
                  "leave the step out, or give one that is at least sources.interval");
  }
  for (const promql::Expr* below : promql::children(expr)) TRY_VOID(check_steps(*below, interval));
  return {};
}

Result<> check_effort(const Experiment& experiment) {
  if (experiment.expect.size() > kMostExpectations)
    return fail(Errc::kInvalidInput, fmt::format("spec.expect: {} expectations, and in a cluster a run may have {}",
                                                 experiment.expect.size(), kMostExpectations));
  if (!experiment.sources.prometheus.empty()) return {};
  for (size_t i = 0; i < experiment.expect.size(); ++i) {
    auto query = promql::parse(experiment.expect[i].query);
    if (!query) continue;  // a probe, or an error that is told elsewhere
    if (auto fine = check_steps(**query, experiment.sources.interval); !fine)
      return wrap(fine.error(), fmt::format("spec.expect[{}].query", i));
  }
  return {};
}

// "https://prometheus.shop:443", whatever else stands in the URL; "" where it is none.
std::string origin_of(std::string_view text) {
  auto url = parse_url(text);
  if (!url) return "";
  std::string origin = fmt::format("{}://{}:{}", url->scheme, url->host, port_of(*url));
  std::transform(origin.begin(), origin.end(), origin.begin(), [](unsigned char c) { return std::tolower(c); });
  return origin;
}

std::string annotation_of(const json::Value& object, const char* name) {
  const json::Value* found = &object;
  for (const char* key : {"metadata", "annotations", name}) {
    found = found->is_object() ? found->get_object().if_contains(key) : nullptr;
    if (!found) return "";
  }
  return found->is_string() ? std::string(found->get_string()) : "";
}

}  // namespace

Result<> check_tenant(const Experiment& experiment) {
  TRY_VOID(check_addresses(experiment));
  return check_effort(experiment);
}

Result<> check_secret_home(const std::string& name, const json::Value& secret, const std::string& prometheus) {
  std::string allowed = annotation_of(secret, kPrometheusAnnotation), asked = origin_of(prometheus);
  if (!asked.empty() && origin_of(allowed) == asked) return {};
  std::string why = allowed.empty() ? fmt::format("it has no annotation {}", kPrometheusAnnotation)
                                    : fmt::format("its annotation {} is {}", kPrometheusAnnotation, allowed);
  return fail(Errc::kRefused, fmt::format("Secret {}: {}, and spec.sources.prometheus is {}", name, why, asked),
              fmt::format("whoever keeps the Secret says where it may be sent: kubectl annotate secret {} {}={}", name,
                          kPrometheusAnnotation, asked));
}

}  // namespace ordeal::session
