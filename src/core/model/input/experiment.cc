#include "core/model/input/experiment.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "core/base/text/text.h"
#include "core/base/text/url.h"
#include "core/expr/condition.h"
#include "core/json/reader.h"
#include "core/model/experiment/part.h"
#include "core/model/experiment/sources.h"

namespace ordeal {
namespace {

using json::Reader;

Result<HttpProbe> decode_http(const Reader& reader) {
  HttpProbe probe;
  if (reader.value().is_string()) {
    probe.url = TRY(decode_url(reader));
    return probe;
  }
  TRY_VOID(reader.only({"url", "method", "timeout", "result"}));
  probe.url = TRY(decode_url(TRY(reader.at("url"))));
  if (auto field = TRY(reader.find("method"))) probe.method = TRY(field->word({"GET", "HEAD", "POST"}));
  if (auto field = TRY(reader.find("timeout"))) probe.timeout = TRY(field->duration(1s));
  if (auto field = TRY(reader.find("result"))) {
    std::string result = TRY(field->text());
    if (result == "latency") {
      probe.latency = true;
    } else if (result.starts_with("json:") && result.size() > 5) {
      probe.json_field = result.substr(5);
    } else if (result != "code") {
      return field->expected("code, latency or json:FIELD");
    }
  }
  return probe;
}

Result<TcpProbe> decode_tcp(const Reader& reader) {
  TcpProbe probe;
  if (reader.value().is_string()) {
    probe.address = TRY(reader.text());
  } else {
    TRY_VOID(reader.only({"address", "timeout"}));
    probe.address = TRY(TRY(reader.at("address")).text());
    if (auto field = TRY(reader.find("timeout"))) probe.timeout = TRY(field->duration(1s));
  }
  if (probe.address.rfind(':') == std::string::npos) return reader.expected("an address as host:port");
  return probe;
}

Result<CommandProbe> decode_command(const Reader& reader) {
  CommandProbe probe;
  if (reader.value().is_array()) {
    probe.argv = TRY(reader.texts());
  } else {
    TRY_VOID(reader.only({"argv", "timeout"}));
    probe.argv = TRY(TRY(reader.at("argv")).texts());
    if (auto field = TRY(reader.find("timeout"))) probe.timeout = TRY(field->duration(1s));
  }
  if (probe.argv.empty()) return reader.expected("a program and its arguments, as a list");
  return probe;
}

Result<std::string> decode_host(const Reader& reader) {
  std::string host = TRY(reader.text());
  if (!is_plain_host(host)) return reader.expected("a host name or an address, without a port");
  return host;
}

Result<CertificateProbe> decode_certificate(const Reader& reader) {
  TRY_VOID(reader.only({"host", "port", "server_name", "family", "timeout"}));
  CertificateProbe probe;
  probe.host = TRY(decode_host(TRY(reader.at("host"))));
  if (auto field = TRY(reader.find("port"))) probe.port = static_cast<uint16_t>(TRY(field->integer(1, 65535)));
  if (auto field = TRY(reader.find("server_name"))) probe.server_name = TRY(decode_host(*field));
  if (auto field = TRY(reader.find("family"))) probe.family = TRY(field->word({"any", "ipv4", "ipv6"}));
  if (auto field = TRY(reader.find("timeout"))) probe.timeout = TRY(field->duration(1s));
  if (!is_of_family(probe.host, probe.family))
    return TRY(reader.at("host")).expected("a name, or an address of " + probe.family);
  return probe;
}

Result<> decode_probe(const Reader& reader, Expectation& expectation) {
  TRY_VOID(reader.only({"http", "tcp", "command", "certificate"}));
  int kinds = 0;
  if (auto field = TRY(reader.find("http"))) ++kinds, expectation.http = TRY(decode_http(*field));
  if (auto field = TRY(reader.find("tcp"))) ++kinds, expectation.tcp = TRY(decode_tcp(*field));
  if (auto field = TRY(reader.find("command"))) ++kinds, expectation.command = TRY(decode_command(*field));
  if (auto field = TRY(reader.find("certificate"))) ++kinds, expectation.certificate = TRY(decode_certificate(*field));
  if (kinds != 1) return reader.refuse("expected exactly one of http, tcp, command and certificate");
  return {};
}

Result<std::set<When>> decode_when(const Reader& reader) {
  std::vector<Reader> items{reader};
  if (reader.value().is_array()) items = TRY(reader.items());
  std::set<When> when;
  for (const Reader& item : items) {
    std::string word = TRY(item.word({"before", "during", "after"}));
    when.insert(word == "before" ? When::kBefore : word == "during" ? When::kDuring : When::kAfter);
  }
  if (when.empty()) return reader.expected("at least one of before, during, after");
  return when;
}

Result<Expectation> decode_expectation(const Reader& reader) {
  TRY_VOID(reader.only(
      {"name", "query", "probe", "condition", "when", "halt", "no_data", "for", "within", "fast", "expect_series"}));
  Expectation expectation;
  auto query = TRY(reader.find("query"));
  auto probe = TRY(reader.find("probe"));
  if (query.has_value() == probe.has_value()) return reader.refuse("expected a query or a probe, and not both");
  if (query) expectation.query = TRY(query->text());
  if (probe) TRY_VOID(decode_probe(*probe, expectation));
  Reader condition = TRY(reader.at("condition"));
  expectation.condition = TRY(condition.text());
  if (auto parsed = expr::Condition::parse(expectation.condition); !parsed)
    return condition.refuse(parsed.error().message());
  expectation.name = expectation.condition;
  if (auto field = TRY(reader.find("name"))) expectation.name = TRY(field->text());
  if (auto field = TRY(reader.find("when"))) expectation.when = TRY(decode_when(*field));
  if (auto field = TRY(reader.find("halt"))) expectation.halt = TRY(field->boolean());
  if (auto field = TRY(reader.find("no_data"))) {
    std::string word = TRY(field->word({"hold", "pass", "breach"}));
    expectation.no_data = word == "hold" ? NoData::kHold : word == "pass" ? NoData::kPass : NoData::kBreach;
  }
  if (auto field = TRY(reader.find("for"))) expectation.for_ = TRY(field->duration(1s));
  if (auto field = TRY(reader.find("within"))) {
    expectation.within = TRY(field->duration(1s));
    if (*expectation.within == Nanos(0)) return field->expected("a duration above 0");
  }
  if (auto field = TRY(reader.find("fast"))) expectation.fast = TRY(field->boolean());
  if (auto field = TRY(reader.find("expect_series"))) expectation.expect_series = TRY(field->boolean());
  return expectation;
}

Result<> decode_expectations(const Reader& reader, std::vector<Expectation>& expectations) {
  for (const Reader& item : TRY(reader.items())) {
    Expectation expectation = TRY(decode_expectation(item));
    for (const Expectation& other : expectations)
      if (other.name == expectation.name)
        return item.refuse(fmt::format("the name \"{}\" is already taken by another expectation", other.name));
    expectations.push_back(std::move(expectation));
  }
  return {};
}

Result<BudgetSpec> decode_budget(const Reader& reader) {
  TRY_VOID(reader.only({"slo", "reserve", "prometheus"}));
  BudgetSpec budget;
  budget.slo = TRY(TRY(reader.at("slo")).text());
  if (auto field = TRY(reader.find("reserve"))) budget.reserve = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("prometheus"))) budget.prometheus = TRY(decode_url(*field));
  return budget;
}

// What an experiment and its --expect file have in common.
Result<> decode_watching(const Reader& reader, Experiment& experiment) {
  if (auto field = TRY(reader.find("hypothesis"))) {
    std::string text = TRY(field->text());
    if (!experiment.hypothesis.empty() && experiment.hypothesis != text)
      return field->refuse("differs from the experiment's own hypothesis");
    experiment.hypothesis = text;
  }
  if (auto field = TRY(reader.find("expect"))) TRY_VOID(decode_expectations(*field, experiment.expect));
  if (auto field = TRY(reader.find("sources"))) {
    const Sources& own = experiment.sources;
    if (!own.prometheus.empty() || !own.scrape.empty() || own.pods)
      return field->refuse("the experiment already has sources");
    experiment.sources = TRY(decode_sources(*field));
  }
  if (auto field = TRY(reader.find("baseline"))) experiment.baseline = TRY(field->duration(1s));
  if (auto field = TRY(reader.find("recovery"))) experiment.recovery = TRY(field->duration(1s));
  if (auto field = TRY(reader.find("budget"))) experiment.budget = TRY(decode_budget(*field));
  if (auto field = TRY(reader.find("rollback"))) experiment.rollback = TRY(decode_rollback(*field));
  return {};
}

Result<> refuse_future_keys(const Reader& reader) {
  for (std::string_view key : {"traffic", "findings"})
    if (auto field = TRY(reader.find(key)))
      return field->refuse(fmt::format("\"{}\" is not supported by this version of Ordeal", key));
  if (auto field = TRY(reader.find("on_breach")))
    return field->refuse("\"on_breach\" is a list of actions now: rollback: [{command: [PROGRAM, …]}]");
  return {};
}

Result<Experiment> decode_flat(const Reader& reader, const std::string& outer_name) {
  TRY_VOID(refuse_future_keys(reader));
  TRY_VOID(reader.only({"name",       "description", "type",     "target",   "attack", "attacks",     "pulse",
                        "ramp",       "hypothesis",  "expect",   "length",   "seed",   "sources",     "min_injected",
                        "min_events", "baseline",    "recovery", "rollback", "budget", "environment", "all_traffic"}));
  Experiment experiment;
  experiment.name = outer_name;
  if (outer_name.empty()) experiment.name = TRY(TRY(reader.at("name")).text());
  if (auto field = TRY(reader.find("type"))) TRY_VOID(field->word({"attack"}).map([](auto) {}));
  if (auto field = TRY(reader.find("description"))) experiment.description = TRY(field->text());
  TRY_VOID(decode_what_is_done(reader, experiment));
  if (auto field = TRY(reader.find("seed")))
    experiment.seed = static_cast<uint64_t>(TRY(field->integer(0, int64_t{1} << 53)));
  if (auto field = TRY(reader.find("min_injected"))) experiment.min_injected = TRY(field->number(0, 100));
  if (auto field = TRY(reader.find("min_events")))
    experiment.attack.min_events = TRY(field->integer(0, int64_t{1} << 53));
  for (Part& part : experiment.parts) part.attack.min_events = experiment.attack.min_events;
  if (auto field = TRY(reader.find("environment"))) experiment.environment = TRY(field->text());
  if (auto field = TRY(reader.find("all_traffic"))) experiment.all_traffic = TRY(field->boolean());
  TRY_VOID(decode_watching(reader, experiment));
  return experiment;
}

}  // namespace

Nanos recovery_of(const Experiment& experiment, const Expectation& expectation) {
  return std::max(experiment.recovery, expectation.within.value_or(Nanos(0)));
}

Nanos longest_recovery(const Experiment& experiment) {
  Nanos longest = experiment.recovery;
  for (const Expectation& expectation : experiment.expect)
    if (expectation.when.count(When::kAfter)) longest = std::max(longest, recovery_of(experiment, expectation));
  return longest;
}

bool is_plain_host(std::string_view text) {
  in6_addr bytes;
  if (::inet_pton(AF_INET6, std::string(text).c_str(), &bytes) == 1) return true;
  auto in_a_name = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '-' || c == '_'; };
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), in_a_name);
}

std::string_view family_of_address(const std::string& text) {
  in6_addr bytes;
  if (::inet_pton(AF_INET, text.c_str(), &bytes) == 1) return "4";
  return ::inet_pton(AF_INET6, text.c_str(), &bytes) == 1 ? "6" : "";
}

bool is_of_family(const std::string& host, const std::string& family) {
  std::string_view own = family_of_address(host);
  return family == "any" || own.empty() || family.ends_with(own);
}

bool CertificateProbe::by_name() const { return !server_name.empty() || family_of_address(host).empty(); }

std::string CertificateProbe::address() const {
  bool wide = host.find(':') != std::string::npos;
  return wide ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool is_http_url(std::string_view url) {
  auto parts = parse_url(url);
  return parts && (parts->scheme == "http" || parts->scheme == "https");
}

Result<Experiment> decode_experiment(const json::Document& document) {
  Reader reader(document);
  if (!TRY(reader.find("apiVersion"))) return decode_flat(reader, "");
  TRY_VOID(reader.only({"apiVersion", "kind", "metadata", "spec", "status"}));
  TRY_VOID(TRY(reader.at("apiVersion")).word({"ordeal.dev/v1alpha1"}).map([](auto) {}));
  TRY_VOID(TRY(reader.at("kind")).word({"Experiment"}).map([](auto) {}));
  Reader spec = TRY(reader.at("spec"));
  std::string name;
  if (!TRY(spec.find("name"))) name = TRY(TRY(TRY(reader.at("metadata")).at("name")).text());
  return decode_flat(spec, name);
}

Result<> merge_expectations(Experiment& experiment, const json::Document& document) {
  Reader reader(document);
  TRY_VOID(refuse_future_keys(reader));
  TRY_VOID(reader.only({"hypothesis", "expect", "sources", "baseline", "recovery", "rollback", "budget"}));
  return decode_watching(reader, experiment);
}

}  // namespace ordeal
