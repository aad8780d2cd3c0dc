#include "watch/sources/prometheus_source.h"

#include <fmt/core.h>

#include <memory>

#include "core/base/duration.h"
#include "core/base/text/text.h"
#include "prometheus/promql/syntax/parser.h"
#include "prometheus/promql/syntax/printer.h"
#include "watch/evidence/observe.h"
#include "watch/evidence/ratio.h"
#include "watch/probes/prober.h"

namespace ordeal::watch {

namespace {

using Outcome = Observation::Outcome;
constexpr Nanos kCheckTimeout = 5s;
constexpr Nanos kShortestQuestion = 1ms;

// What is odd about the HTTP around an answer that could not be read.
Error explain(const net::HttpReply& reply, Error error) {
  const std::string* location = net::find_header(reply.headers, "Location");
  if (reply.status / 100 == 3 && location)
    return {Errc::kInvalidInput, fmt::format("it redirects to {} (HTTP {})", *location, reply.status), 0,
            "Give the URL that it redirects to.", nullptr};
  const std::string* type = net::find_header(reply.headers, "Content-Type");
  bool foreign = error.code == Errc::kInvalidInput;
  error.what += fmt::format(" (HTTP {} {}{})", reply.status, net::reason_phrase(reply.status),
                            foreign && type ? ", " + *type : "");
  return error;
}

template <typename Parse>
auto parse_reply(const net::HttpOutcome& outcome, Parse parse) -> decltype(parse(std::string_view())) {
  if (!outcome) return tl::unexpected(outcome.error().error);
  auto parsed = parse(outcome->body);
  if (!parsed) return tl::unexpected(explain(*outcome, parsed.error()));
  return parsed;
}

Observation read(const net::HttpOutcome& outcome) {
  auto answer = parse_reply(outcome, parse_query_answer);
  if (!answer) {
    bool late = answer.error().code == Errc::kTimeout;
    Observation seen = trouble(late ? Outcome::kTimedOut : Outcome::kError, answer.error().message());
    if (!outcome && is_own_lack(outcome.error())) seen.own_lack = seen.error;
    return seen;
  }
  Observation seen = observe(answer->result);
  for (const auto& warning : answer->warnings) seen.error += (seen.error.empty() ? "" : "; ") + warning;
  seen.took = outcome->timings.total;
  return seen;
}

std::string interval_warning(const std::optional<SlowestScrape>& slowest, Nanos halt_within) {
  if (!slowest || slowest->interval <= halt_within) return "";
  return fmt::format(
      "the Prometheus scrapes {} only every {}: a breach can be seen no sooner; a halt within {} needs "
      "a shorter scrape_interval, or Ordeal's own scraper (sources.scrape)",
      slowest->job.empty() ? "its targets" : "\"" + slowest->job + "\"", format_duration(slowest->interval),
      format_duration(halt_within));
}

// Both sides of an empty ratio, until both have been seen.
struct Sides {
  Observation empty;
  std::optional<Observation> numerator, denominator, wider, selected;
  PrometheusSource::Callback callback;

  void call_back() const {
    if (!numerator || !denominator || !wider || !selected) return;
    Observation ratio = judge_empty_ratio(empty, *numerator, *denominator);
    callback(ratio.kind == Outcome::kValues ? why_no_zero(*wider, *selected).value_or(ratio) : ratio);
  }
};

}  // namespace

// A query that our parser does not know is none: the server sees its text alone.
std::optional<RatioText> ratio_text(const std::string& query) {
  auto parsed = promql::parse(query);
  auto sides = parsed ? ratio_sides(**parsed) : std::nullopt;
  if (!sides) return std::nullopt;
  std::shared_ptr<promql::Expr> whole = std::move(*parsed);
  return RatioText{query, promql::print(*sides->numerator), promql::print(*sides->denominator),
                   without_values(*sides->numerator),
                   [whole, numerator = sides->numerator](Nanos ago) { return selected_query(*numerator, ago); }};
}

PrometheusSource::PrometheusSource(net::HttpClient& client, std::string base_url,
                                   std::optional<net::PortRange> local_ports, SourceLogin login)
    : client_(client), base_url_(std::move(base_url)), local_ports_(local_ports), login_(std::move(login)) {
  while (!base_url_.empty() && base_url_.back() == '/') base_url_.pop_back();
}

net::HttpCall PrometheusSource::call(std::string path, Nanos timeout) const {
  net::HttpCall call;
  call.url = base_url_ + std::move(path);
  call.timeout = timeout;
  call.local_ports = local_ports_;
  call.login = login_.login;
  call.tls = login_.tls;
  if (!login_.token.empty()) call.headers.emplace_back("Authorization", "Bearer " + login_.token);
  if (!login_.tenant.empty()) call.headers.emplace_back("X-Scope-OrgID", login_.tenant);
  return call;
}

net::HttpCall PrometheusSource::query_call(const std::string& text, Nanos timeout) const {
  net::HttpCall request = call("/api/v1/query", timeout);
  request.method = "POST";
  request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  // A number is seconds; of durations with a unit Prometheus reads whole ones only.
  request.body = fmt::format("query={}&timeout={:.3f}", net::percent_encode(text), to_seconds(timeout));
  request.max_body = kMostAnswer;
  return request;
}

void PrometheusSource::query(const std::string& text, Nanos timeout, Callback callback) {
  client_.start(query_call(text, timeout),
                [callback = std::move(callback)](const net::HttpOutcome& outcome) { callback(read(outcome)); });
}

void PrometheusSource::ask(const PrometheusQuestion& question, std::function<void(Result<QueryAnswer>)> callback) {
  net::HttpCall request = query_call(question.query, question.timeout);
  if (question.at) request.body += fmt::format("&time={:.3f}", to_seconds(*question.at));
  if (question.range) {
    request.url = base_url_ + "/api/v1/query_range";
    request.body += fmt::format("&start={:.3f}&end={:.3f}&step={:.3f}", to_seconds(question.range->start),
                                to_seconds(question.range->end), to_seconds(question.range->step));
  }
  request.headers.insert(request.headers.end(), question.headers.begin(), question.headers.end());
  if (!question.login.empty()) request.login = question.login;
  request.insecure = question.insecure;
  client_.start(std::move(request), [callback = std::move(callback)](const net::HttpOutcome& outcome) {
    callback(parse_reply(outcome, parse_query_answer));
  });
}

void PrometheusSource::query_ratio(const RatioText& ratio, Nanos timeout, Callback callback) {
  BootTime end = boot_now() + timeout;
  query(ratio.whole, timeout, [this, ratio, end, callback = std::move(callback)](Observation whole) {
    Nanos left = end - boot_now();
    if (whole.kind != Outcome::kNoSuchSeries || left < kShortestQuestion) return callback(std::move(whole));
    auto sides = std::make_shared<Sides>(Sides{std::move(whole), {}, {}, {}, {}, callback});
    auto ask = [&](const std::string& text, std::optional<Observation> Sides::*side) {
      query(text, left, [sides, side](Observation seen) {
        (*sides).*side = std::move(seen);
        sides->call_back();
      });
    };
    ask(ratio.numerator, &Sides::numerator);
    ask(ratio.denominator, &Sides::denominator);
    ask(ratio.wider, &Sides::wider);
    ask(ratio.selected(boot_now() - began_), &Sides::selected);
  });
}

void PrometheusSource::check(Nanos halt_within, std::function<void(Result<Info>)> callback) {
  auto refuse = [callback, url = without_password(base_url_)](Error error) {
    callback(wrap(std::move(error), "cannot use " + url + " as a Prometheus"));
  };
  client_.start(call("/api/v1/status/buildinfo", kCheckTimeout), [=, this](const net::HttpOutcome& build) {
    auto version = parse_reply(build, parse_build_version);
    if (version) return check_targets(Info{*version, {}, {}, ""}, halt_within, callback);
    if (!build) return refuse(version.error());
    // Others that speak this API may tell no version.
    client_.start(query_call("vector(1)", kCheckTimeout), [=, this](const net::HttpOutcome& one) {
      auto answer = parse_reply(one, parse_query_answer);
      if (!answer) return refuse(answer.error());
      check_targets(Info{}, halt_within, callback);
    });
  });
}

void PrometheusSource::check_query(const std::string& text, std::function<void(Result<>)> callback) {
  client_.start(query_call(text, kCheckTimeout), [callback = std::move(callback)](const net::HttpOutcome& outcome) {
    auto answer = parse_reply(outcome, parse_query_answer);
    if (answer || answer.error().code != Errc::kUnsupported) return callback({});
    Error error = answer.error();
    error.code = Errc::kInvalidInput;
    callback(tl::unexpected(std::move(error)));
  });
}

void PrometheusSource::check_targets(Info info, Nanos halt_within, std::function<void(Result<Info>)> callback) {
  client_.start(call("/api/v1/targets?state=active", kCheckTimeout), [=](const net::HttpOutcome& targets) {
    auto slowest = parse_reply(targets, parse_slowest_scrape);
    Info complete = info;
    if (slowest) complete.slowest = *slowest;
    if (slowest && *slowest) complete.fastest = (*slowest)->fastest;
    complete.warning = slowest ? interval_warning(*slowest, halt_within)
                               : "the Prometheus does not say how often it scrapes: " + slowest.error().message();
    callback(std::move(complete));
  });
}

}  // namespace ordeal::watch
