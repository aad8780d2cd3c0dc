#include "run/session/draft/suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "core/base/text/quantity.h"
#include "core/base/text/text.h"

namespace ordeal::session {
namespace {

using metrics::LabelPairs;
using metrics::Sample;

constexpr const char* kWindow = "5s";  // which the baseline fills
constexpr size_t kMostOfAKind = 2;
constexpr double kUsualLatency = 0.5;  // seconds
constexpr double kMostLatency = 1;     // a limit beyond what any user waits for is none
constexpr double kUsualShare = 0.01;
constexpr double kMostShare = 0.05;

std::string unmet_today(const std::string& today) {
  return fmt::format("does not hold now (today: {}): fix the service first, or choose the limit yourself", today);
}

bool holds_any(const std::string& text, std::initializer_list<std::string_view> words) {
  return std::any_of(words.begin(), words.end(), [&](auto word) { return text.find(word) != std::string::npos; });
}

// Anything else would have to be quoted in a query.
bool is_plain_name(const std::string& name) {
  return !name.empty() &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == ':'; });
}

std::string label(const Sample& sample, std::string_view name) {
  for (const auto& [key, value] : sample.labels)
    if (key == name) return value;
  return "";
}

// Of users before those of runtimes: requests of HTTP, then other requests and calls.
int rank(const std::string& name) {
  if (holds_any(name, {"process_", "go_", "python_", "promhttp_", "prometheus_"})) return 3;
  if (holds_any(name, {"http"})) return 0;
  return holds_any(name, {"request", "grpc", "rpc", "handled", "call"}) ? 1 : 2;
}

// The best first, at most kMostOfAKind, and none of a runtime's.
std::vector<std::string> best_of(std::vector<std::string> names) {
  std::stable_sort(names.begin(), names.end(), [](auto& a, auto& b) { return rank(a) < rank(b); });
  names.erase(std::remove_if(names.begin(), names.end(), [](auto& name) { return rank(name) > 2; }), names.end());
  if (names.size() > kMostOfAKind) names.resize(kMostOfAKind);
  return names;
}

// Of all series together: how many were at most so slow.
struct Buckets {
  std::map<double, double> upto;
  double total() const { return upto.empty() ? 0 : upto.rbegin()->second; }
};

Buckets buckets_of(const metrics::Exposition& page, const std::string& family) {
  Buckets buckets;
  for (const Sample& sample : page.samples) {
    if (label(sample, "__name__") != family + "_bucket" || !std::isfinite(sample.value)) continue;
    std::string le = label(sample, "le");
    auto bound = le == "+Inf" ? std::numeric_limits<double>::infinity() : parse_number<double>(le).value_or(NAN);
    if (!std::isnan(bound)) buckets.upto[bound] += sample.value;
  }
  return buckets;
}

// The bound under which 95 % of all requests so far stayed; infinity where there is none.
double p95_of(const Buckets& buckets) {
  for (const auto& [bound, count] : buckets.upto)
    if (buckets.total() > 0 && count >= 0.95 * buckets.total()) return bound;
  return std::numeric_limits<double>::infinity();
}

std::vector<double> finite_bounds(const Buckets& buckets) {
  std::vector<double> bounds;
  for (const auto& [bound, count] : buckets.upto)
    if (std::isfinite(bound)) bounds.push_back(bound);
  return bounds;
}

// Bounds of the histogram, so that requests can be counted by them, and not the last one, which no quantile exceeds.
std::vector<double> possible_limits(const Buckets& buckets) {
  std::vector<double> bounds = finite_bounds(buckets);
  if (bounds.size() > 1) bounds.pop_back();
  bounds.erase(std::upper_bound(bounds.begin(), bounds.end(), kMostLatency), bounds.end());
  return bounds;
}

// One bucket above the p95, where that is known.
double limit_for(const Buckets& buckets, double p95) {
  std::vector<double> bounds = possible_limits(buckets);
  bool counted = buckets.total() > 0;
  if (bounds.empty()) return counted ? kMostLatency : kUsualLatency;
  auto found = counted ? std::upper_bound(bounds.begin(), bounds.end(), p95)
                       : std::lower_bound(bounds.begin(), bounds.end(), kUsualLatency);
  return found == bounds.end() ? bounds.back() : *found;
}

struct Latency {
  std::string seen, unmet;
};

Latency latency_so_far(const Buckets& buckets, double p95, double limit, const std::string& unit) {
  if (buckets.total() <= 0) return {"no request counted so far", ""};
  std::vector<double> bounds = finite_bounds(buckets);
  if (bounds.empty()) return {fmt::format("{:.0f} requests so far, in no bucket but +Inf", buckets.total()), ""};
  bool known = std::isfinite(p95);
  std::string today = known ? plain_value(p95, unit) : "more than " + plain_value(bounds.back(), unit);
  std::string seen = known ? fmt::format("95 % of the {:.0f} requests so far took {} or less", buckets.total(), today)
                           : fmt::format("more than 5 % of the {:.0f} requests so far took {}", buckets.total(), today);
  return {seen, p95 > limit ? unmet_today(today) : ""};
}

Suggestion suggest_latency(const metrics::Exposition& page, const std::string& family) {
  Buckets buckets = buckets_of(page, family);
  double p95 = p95_of(buckets), limit = limit_for(buckets, p95);
  Latency latency = latency_so_far(buckets, p95, limit, guess_unit(family + "_seconds_bucket"));
  bool counts = buckets.upto.count(limit) != 0;
  return {"p95 of " + family,
          fmt::format("histogram_quantile(0.95, sum by (le) (rate({}_bucket[{}])))", family, kWindow),
          "",
          fmt::format("result < {}", limit),
          latency.seen + (counts ? "; the limit is one of its buckets" : ""),
          false,
          false,
          latency.unmet};
}

bool says_latency(const std::string& name) {
  return holds_any(name, {"duration", "latency", "request", "response", "handling"});
}

// Those whose name says that they time requests; where none does, all that count seconds.
std::vector<Suggestion> latencies(const metrics::Exposition& page) {
  std::vector<std::string> named, others;
  for (const auto& [name, type] : page.types)
    if (type == metrics::Type::kHistogram && is_plain_name(name) && name.ends_with("_seconds"))
      (says_latency(name) ? named : others).push_back(name);
  std::vector<Suggestion> found;
  for (const std::string& family : best_of(std::move(named.empty() ? others : named)))
    found.push_back(suggest_latency(page, family));
  return found;
}

// How a status is written on the page, and the matcher of those that are errors of the service.
struct StatusLabel {
  std::string name;
  std::string errors;  // code=~"5.."
  bool (*is_error)(const std::string& value);
};

bool is_class(const std::string& value) { return value == "5xx" || value == "5XX"; }
bool is_number(const std::string& value) { return value.size() == 3 && value.front() == '5'; }
bool is_no_ok(const std::string& value) { return value != "OK"; }

bool is_status_number(const std::string& value) {
  return value.size() == 3 && std::all_of(value.begin(), value.end(), [](unsigned char c) { return std::isdigit(c); });
}
bool is_status_class(const std::string& value) {
  return value.size() == 3 && std::isdigit(static_cast<unsigned char>(value[0])) &&
         (value.ends_with("xx") || value.ends_with("XX"));
}

std::optional<StatusLabel> status_label(const Sample& sample) {
  constexpr std::array kNames{
      "status", "code", "status_code", "http_status", "http_status_code", "http_response_status_code", "response_code"};
  for (const char* name : kNames) {
    std::string value = label(sample, name);
    if (is_status_number(value)) return StatusLabel{name, fmt::format("{}=~\"5..\"", name), is_number};
    if (is_status_class(value)) return StatusLabel{name, fmt::format("{}=~\"5(xx|XX)\"", name), is_class};
  }
  if (!label(sample, "grpc_code").empty()) return StatusLabel{"grpc_code", "grpc_code!=\"OK\"", is_no_ok};
  return std::nullopt;
}

struct Counted {
  StatusLabel label;
  double bad = 0, total = 0;
};

// Counters whose series have a status; what a histogram counts is one as well.
std::map<std::string, Counted> counted_by_status(const metrics::Exposition& page) {
  std::map<std::string, Counted> found;
  for (const Sample& sample : page.samples) {
    std::string name = label(sample, "__name__");
    bool counts = name.ends_with("_total") || name.ends_with("_count");
    auto status = status_label(sample);
    if (!counts || !status || !is_plain_name(name) || !std::isfinite(sample.value)) continue;
    Counted& counted = found.try_emplace(name, Counted{*status, 0, 0}).first->second;
    counted.total += sample.value;
    if (counted.label.is_error(label(sample, counted.label.name))) counted.bad += sample.value;
  }
  return found;
}

double share_so_far(const Counted& counted) { return counted.total > 0 ? counted.bad / counted.total : 0; }

// The usual share, or a round one that is twice as much as there was so far, up to the most.
double share_limit(double share) {
  for (double limit : {kUsualShare, 0.02})
    if (2 * share <= limit) return limit;
  return kMostShare;
}

Suggestion suggest_errors(const std::string& name, const Counted& counted) {
  std::string query =
      fmt::format("sum(rate({0}{{{1}}}[{2}])) / sum(rate({0}[{2}]))", name, counted.label.errors, kWindow);
  std::string seen =
      counted.total > 0 ? fmt::format("{:.0f} of {:.0f} so far", counted.bad, counted.total) : "nothing counted so far";
  double share = share_so_far(counted), limit = share_limit(share);
  std::string unmet = share >= limit ? unmet_today(fmt::format("{:.3g} %", share * 100)) : "";
  return {"errors of " + name, query, "", fmt::format("result < {}", limit), seen, false, false, unmet};
}

std::vector<Suggestion> error_shares(const metrics::Exposition& page) {
  auto counted = counted_by_status(page);
  std::vector<std::string> totals, counts;
  for (const auto& [name, unused] : counted) (name.ends_with("_total") ? totals : counts).push_back(name);
  std::vector<Suggestion> found;
  for (const std::string& name : best_of(totals.empty() ? counts : totals))
    found.push_back(suggest_errors(name, counted.at(name)));
  return found;
}

Suggestion suggest_up(const std::string& job) {
  return {"the page of " + job + " answers",
          fmt::format("up{{job=\"{}\"}}", job),
          "",
          "result == 1",
          "before the attack and after it: while it lasts the page may be slow",
          false,
          true};
}

// Ports of what speaks no HTTP, as they are by default.
bool speaks_http(uint16_t port) {
  constexpr std::array<uint16_t, 17> kOthers{21,   22,   25,   53,   587,  1433, 1883, 2181, 3306,
                                             4222, 5432, 5672, 6379, 6432, 9042, 9092, 27017};
  return port != 11211 && std::find(kOthers.begin(), kOthers.end(), port) == kOthers.end();
}

int front_rank(uint16_t port) {
  constexpr std::array<uint16_t, 9> kFronts{80, 8080, 8000, 443, 3000, 5000, 8081, 8888, 9000};
  auto found = std::find(kFronts.begin(), kFronts.end(), port);
  if (found != kFronts.end()) return static_cast<int>(found - kFronts.begin());
  return speaks_http(port) ? 100 : 200;
}

}  // namespace

std::vector<Suggestion> suggest_from(const metrics::Exposition& page, const std::string& job) {
  std::vector<Suggestion> all = latencies(page);
  for (Suggestion& errors : error_shares(page)) all.push_back(std::move(errors));
  all.push_back(suggest_up(job));
  return all;
}

Suggestion suggest_probe(const std::string& address, uint16_t port) {
  std::string at = address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                          : fmt::format("[{}]:{}", address, port);
  bool secure = port == 443 || port == 8443;
  if (!speaks_http(port))
    return {"a connection to " + at,
            "",
            fmt::format("{{tcp: \"{}\"}}", at),
            fmt::format("result < {}", kUsualLatency),
            "The time to connect, in seconds; prefer a query or a command that uses the service",
            true,
            false};
  return {"an answer from " + at,
          "",
          fmt::format("{{http: {{url: \"{}://{}/\", result: latency}}}}", secure ? "https" : "http", at),
          fmt::format("result < {}", kUsualLatency),
          "The time to the last byte of the page, in seconds; use a path that your users request",
          true,
          false};
}

const sys::ListeningSocket& likely_front(const std::vector<sys::ListeningSocket>& sockets) {
  return *std::min_element(sockets.begin(), sockets.end(), [](auto& a, auto& b) {
    return std::pair(front_rank(a.port), a.port) < std::pair(front_rank(b.port), b.port);
  });
}

}  // namespace ordeal::session
