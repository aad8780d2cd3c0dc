#include "watch/probes/prober.h"

#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/timex.h>

#include "core/base/text/text.h"
#include "core/json/value.h"
#include "platform/net/certificate_chain.h"
#include "watch/evidence/observe.h"

namespace ordeal::watch {

namespace {

using Outcome = Observation::Outcome;

Observation read_failure(const net::HttpFailure& failure) {
  bool late = failure.kind == net::HttpFailure::Cause::kTimeout;
  Observation seen = trouble(late ? Outcome::kTimedOut : Outcome::kError, failure.error.message());
  if (is_own_lack(failure)) seen.own_lack = seen.error;
  return seen;
}

Observation read(const HttpProbe& probe, const net::HttpReply& reply) {
  // How fast an error came says nothing about how fast the service is.
  if (probe.latency && reply.status >= 400) return trouble(Outcome::kError, fmt::format("HTTP {}", reply.status));
  if (probe.latency) return one_value(to_seconds(reply.timings.total));
  if (probe.json_field.empty()) return one_value(reply.status);
  Observation seen = json_field(reply.body, probe.json_field);
  if (reply.status >= 400 && seen.kind != Outcome::kValues) seen.error += fmt::format(" (HTTP {})", reply.status);
  return seen;
}

constexpr const char* kClockAdrift = "; this host's clock, with which the dates are compared, is not synchronised";

// Who vouches for it says nothing of its time: that is remarked, and the hours count all the same. One for another name
// is what a server shows that does not know the name that was asked for: it says nothing of him.
Observation read(const CertificateProbe& probe, const net::HttpReply& reply) {
  auto chain = net::read_chain(reply.certificates, probe.name(), wall_now());
  if (!chain) return trouble(Outcome::kError, fmt::format("{}: {}", probe.address(), chain.error().message()));
  if (!chain->for_name && probe.by_name())
    return trouble(Outcome::kError,
                   fmt::format("{}: the certificate is {}", probe.address(), join(chain->remarks, "; ")));
  Observation seen = one_value(chain->hours_left);
  seen.caveat = fmt::format("{}: the first certificate to expire is {}", probe.address(), chain->first_to_expire);
  for (const std::string& remark : chain->remarks) seen.caveat += "; " + remark;
  if (timex clock{}; ::adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC)) seen.caveat += kClockAdrift;
  return seen;
}

Observation no_handshake(const CertificateProbe& probe, const net::HttpFailure& failure) {
  Observation seen = read_failure(failure);
  const Error& error = failure.error;
  seen.error =
      fmt::format("no TLS with {}: {}", probe.address(), error.cause ? error.cause->message() : error.message());
  return seen;
}

int family_of(const CertificateProbe& probe) {
  return probe.family == "ipv4" ? AF_INET : probe.family == "ipv6" ? AF_INET6 : AF_UNSPEC;
}

const json::Value* step(const json::Value& value, std::string_view name) {
  if (const auto* object = value.if_object()) return object->if_contains(name);
  auto index = parse_number<size_t>(name);
  const auto* array = value.if_array();
  return array && index && *index < array->size() ? &(*array)[*index] : nullptr;
}

std::optional<double> as_number(const json::Value& value) {
  if (value.is_number()) return value.to_number<double>();
  if (value.is_bool()) return value.get_bool() ? 1.0 : 0.0;
  const auto* text = value.if_string();
  return text ? parse_number<double>(std::string_view(text->data(), text->size())) : std::nullopt;
}

}  // namespace

bool is_own_lack(const net::HttpFailure& failure) {
  return failure.kind == net::HttpFailure::Cause::kOwnLack || failure.kind == net::HttpFailure::Cause::kDns;
}

Observation json_field(std::string_view body, std::string_view path) {
  auto document = json::parse(body);
  if (!document) return trouble(Outcome::kError, "the response is not JSON: " + document.error().message());
  const json::Value* value = &*document;
  for (std::string_view name : split(path, '.')) {
    value = step(*value, name);
    if (!value) return trouble(Outcome::kNoSuchSeries, fmt::format("the response has no field {}", path));
  }
  auto number = as_number(*value);
  if (!number) return trouble(Outcome::kError, fmt::format("field {} of the response is not a number", path));
  return one_value(*number);
}

void Prober::start(const HttpProbe& probe, Callback callback) {
  net::HttpCall call;
  call.method = probe.method;
  call.url = probe.url;
  call.timeout = probe.timeout;
  client_.start(std::move(call), [probe, callback = std::move(callback)](net::HttpOutcome outcome) {
    callback(outcome ? read(probe, *outcome) : read_failure(outcome.error()));
  });
}

void Prober::start(const TcpProbe& probe, Callback callback) {
  net::HttpCall call;
  call.url = "http://" + probe.address;
  call.timeout = probe.timeout;
  call.connect_only = true;
  client_.start(std::move(call), [callback = std::move(callback)](net::HttpOutcome outcome) {
    callback(outcome ? one_value(to_seconds(outcome->timings.connect)) : read_failure(outcome.error()));
  });
}

void Prober::start(const CertificateProbe& probe, Callback callback) {
  net::HttpCall call;
  call.url = "https://" + probe.address();
  call.timeout = probe.timeout;
  call.connect_only = call.insecure = call.certificates = true;
  call.family = family_of(probe);
  call.tls_name = probe.server_name;
  client_.start(std::move(call), [probe, callback = std::move(callback)](net::HttpOutcome outcome) {
    callback(outcome ? read(probe, *outcome) : no_handshake(probe, outcome.error()));
  });
}

void Prober::start(const CommandProbe& probe, Callback callback) {
  auto on_end = [probe, callback](const sys::ChildResult& result) {
    if (!result.timed_out) return callback(one_value(result.exit_code));
    callback(trouble(Outcome::kTimedOut,
                     fmt::format("{} did not end within {:.1f} s", probe.argv[0], to_seconds(probe.timeout))));
  };
  if (auto started = children_.start(probe.argv, probe.timeout, on_end); !started) {
    // It never ran, so that it says nothing of the system.
    Observation seen = trouble(Outcome::kError, started.error().message());
    seen.own_lack = seen.error;
    callback(seen);
  }
}

}  // namespace ordeal::watch
