#include "core/model/experiment/sources.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "core/base/duration.h"
#include "core/base/text/text.h"

namespace ordeal {
namespace {

using json::Reader;

// The keys of `access` whose value is in a Secret.
constexpr std::array<std::pair<const char*, std::optional<SecretKey> SourceAccess::*>, 6> kSecrets{
    {{"token", &SourceAccess::token},
     {"username", &SourceAccess::username},
     {"password", &SourceAccess::password},
     {"certificate", &SourceAccess::certificate},
     {"key", &SourceAccess::key},
     {"authority", &SourceAccess::authority}}};

bool is_data_key(std::string_view text) {
  auto plain = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; };
  return text.size() <= 253 && std::all_of(text.begin(), text.end(), plain);
}

Result<SecretKey> decode_secret_key(const Reader& reader) {
  // Not even its type is said of what may be a token that somebody has put here itself.
  if (!reader.value().is_object()) return reader.refuse("expected {name: SECRET, key: KEY}, never the value itself");
  TRY_VOID(reader.only({"name", "key"}));  // a key called "secret" would be hidden in all that is shown
  Reader name = TRY(reader.at("name"));
  Reader key = TRY(reader.at("key"));
  SecretKey found;
  found.name = TRY(name.text());
  if (!is_object_name(found.name)) return name.expected("the name of a Secret (a-z, 0-9, - and .)");
  found.key = TRY(key.text());
  if (!is_data_key(found.key)) return key.expected("a key of the Secret's data (letters, digits, -, _ and .)");
  return found;
}

Result<SourceAccess> decode_access(const Reader& reader) {
  TRY_VOID(reader.only({"token", "username", "password", "certificate", "key", "authority", "tenant"}));
  SourceAccess access;
  for (const auto& [key, member] : kSecrets)
    if (auto field = TRY(reader.find(key))) access.*member = TRY(decode_secret_key(*field));
  if (auto field = TRY(reader.find("tenant"))) access.tenant = TRY(field->text());
  if (access.token && access.username) return reader.refuse("give token, or username and password, not both");
  if (access.username.has_value() != access.password.has_value())
    return reader.refuse("username and password belong together");
  if (access.certificate.has_value() != access.key.has_value())
    return reader.refuse("certificate and key belong together");
  return access;
}

bool is_port_name(std::string_view text) {
  auto plain = [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '-'; };
  return text.size() <= 15 && std::all_of(text.begin(), text.end(), plain);
}

Result<PodPages> decode_pod_pages(const Reader& reader) {
  TRY_VOID(reader.only({"port", "path", "job"}));
  PodPages pages;
  Reader port = TRY(reader.at("port"));
  if (port.value().is_number()) {
    pages.port = std::to_string(TRY(port.integer(1, 65535)));
  } else {
    pages.port = TRY(port.text());
    if (!is_port_name(pages.port)) return port.expected("a port's number, or its name (at most 15 of a-z, 0-9 and -)");
  }
  if (auto field = TRY(reader.find("path"))) {
    pages.path = TRY(field->text());
    if (!pages.path.starts_with('/')) return field->expected("a path such as /metrics");
  }
  if (auto field = TRY(reader.find("job"))) pages.job = TRY(field->text());
  return pages;
}

Result<ScrapeTarget> decode_scrape(const Reader& reader) {
  TRY_VOID(reader.only({"url", "job", "labels"}));
  ScrapeTarget target;
  target.url = TRY(decode_url(TRY(reader.at("url"))));
  if (auto field = TRY(reader.find("job"))) target.job = TRY(field->text());
  if (auto field = TRY(reader.find("labels")))
    for (auto& [key, value] : TRY(field->labels())) target.labels[key] = value;
  return target;
}

json::Object access_json(const SourceAccess& access) {
  json::Object object;
  for (const auto& [key, member] : kSecrets)
    if (const auto& secret = access.*member) object[key] = json::Object{{"name", secret->name}, {"key", secret->key}};
  if (!access.tenant.empty()) object["tenant"] = access.tenant;
  return object;
}

json::Object scrape_json(const ScrapeTarget& target) {
  json::Object labels;
  for (const auto& [key, value] : target.labels) labels[key] = value;
  return {{"url", without_password(target.url)}, {"job", target.job}, {"labels", std::move(labels)}};
}

}  // namespace

Result<std::string> decode_url(const Reader& reader) {
  std::string url = TRY(reader.text());
  if (!is_http_url(url)) return reader.expected(kUrlExpected);
  return url;
}

Result<Sources> decode_sources(const Reader& reader) {
  TRY_VOID(reader.only({"prometheus", "access", "pods", "scrape", "interval"}));
  Sources sources;
  if (auto field = TRY(reader.find("prometheus"))) sources.prometheus = TRY(decode_url(*field));
  if (auto field = TRY(reader.find("access"))) {
    sources.access = TRY(decode_access(*field));
    if (sources.prometheus.empty()) return field->refuse("there is no sources.prometheus to which it gives access");
  }
  if (auto field = TRY(reader.find("pods"))) sources.pods = TRY(decode_pod_pages(*field));
  if (auto field = TRY(reader.find("interval"))) {
    sources.interval = TRY(field->duration(1s));
    if (sources.interval < 100ms || sources.interval > 60s) return field->expected("an interval from 100ms to 60s");
  }
  if (auto scrape = TRY(reader.find("scrape")))
    for (const Reader& item : TRY(scrape->items())) sources.scrape.push_back(TRY(decode_scrape(item)));
  return sources;
}

json::Value to_json(const Sources& sources) {
  json::Object object{{"interval", format_duration(sources.interval)}};
  if (!sources.prometheus.empty()) object["prometheus"] = without_password(sources.prometheus);
  if (sources.access) object["access"] = access_json(*sources.access);
  if (sources.pods)
    object["pods"] =
        json::Object{{"port", sources.pods->port}, {"path", sources.pods->path}, {"job", sources.pods->job}};
  json::Array scrape;
  for (const ScrapeTarget& target : sources.scrape) scrape.push_back(scrape_json(target));
  if (!scrape.empty()) object["scrape"] = std::move(scrape);
  return object;
}

}  // namespace ordeal
