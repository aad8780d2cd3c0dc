// Experiment: a hypothesis, a target, an attack and the expectations, decoded from one file
// (docs/formats/experiment.md). The decoder takes the flat form and the form with apiVersion/kind/spec.
// Unknown keys are errors.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/yaml.h"
#include "core/model/input/attack.h"
#include "core/model/input/label_selector.h"
#include "core/model/input/rollback.h"
#include "core/model/victim.h"

namespace ordeal {

enum class TargetType { kHost, kProcess, kContainer, kKubernetes, kSystemd, kNode };

// What a target leaves out; a candidate that any of these describes is no victim.
struct Exclusion {
  std::vector<std::string> names;  // of pods or nodes
  std::vector<std::string> nodes;
  std::vector<std::string> zones;
  std::optional<LabelSelector> selector;
};

// A workload by kind and name: its pods are meant.
struct WorkloadRef {
  std::string kind;  // Deployment, StatefulSet, DaemonSet, ReplicaSet, Rollout, Service
  std::string name;
};

struct Target {
  TargetType type = TargetType::kHost;
  // kubernetes, container, systemd
  std::string namespace_;
  Labels labels;
  // container: id or name, process: exact command name, systemd: unit, with or without .service
  std::vector<std::string> names;
  // process
  std::string pattern;  // RE2, against the whole command line
  std::string user;
  std::string cgroup;  // path; also for containers and systemd
  // in a cluster: kubernetes, container, node
  std::optional<LabelSelector> selector;  // besides `labels`
  std::optional<WorkloadRef> workload;    // "deployment/api" in the file
  std::vector<std::string> containers;    // of the pods: victims are these containers; empty is the whole pod
  std::vector<std::string> zones, nodes;
  Exclusion exclude;
  bool ready = false;   // only pods that are Ready; else all that run
  bool follow = false;  // pods that appear during the run are taken in, within the caps
  // how many of the matches
  std::optional<double> percentage;  // 0..100, rounded down
  std::optional<int64_t> count;
};

enum class When { kBefore, kDuring, kAfter };
enum class NoData { kHold, kPass, kBreach };
const char* to_text(When when);

struct HttpProbe {
  std::string url;
  std::string method = "GET";
  Nanos timeout = 1s;
  std::string json_field;  // "data.status": the result is that field; else the status code
  bool latency = false;    // the result is the time to the last byte, in seconds
};
struct TcpProbe {
  std::string address;  // host:port; the result is the connect time in seconds
  Nanos timeout = 1s;
};
struct CommandProbe {
  std::vector<std::string> argv;  // the result is the exit code
  Nanos timeout = 5s;
};

// A TLS handshake; the result is how many hours the chain that the server shows stays valid: until the first of its
// certificates to expire does, below 0 when one has. Who issued it, and for which name, is said and not judged.
struct CertificateProbe {
  std::string host;  // a name or an address
  uint16_t port = 443;
  std::string server_name;  // asked for, and looked for in the certificate; "" is the host
  std::string family = "any";
  Nanos timeout = 5s;

  bool by_name() const;  // somebody is asked for by name, so that a certificate for another says nothing of him
  const std::string& name() const { return server_name.empty() ? host : server_name; }
  std::string address() const;  // "shop.example:443", "[::1]:8443"
};

struct Expectation {
  std::string name;
  std::string query;  // PromQL, or "" with a probe
  std::optional<HttpProbe> http;
  std::optional<TcpProbe> tcp;
  std::optional<CommandProbe> command;
  std::optional<CertificateProbe> certificate;
  std::string condition;  // on `result`
  std::set<When> when{When::kBefore, When::kDuring, When::kAfter};
  bool halt = true;
  NoData no_data = NoData::kHold;
  std::optional<Nanos> for_;  // a breach must last this long; unset: 0, and a gauge's two looks
  // It must come true so soon after each of its phases has begun; what violates it before that is no breach.
  std::optional<Nanos> within;
  bool fast = true;           // also judged by what its series count (analysis/trigger_design.h)
  bool expect_series = true;  // a metric, label or job of the query that was never seen proves nothing
};

struct ScrapeTarget {
  std::string url;
  std::string job = "ordeal";
  Labels labels;
};

// A value of a Secret, in the namespace of the experiment; read when the run begins, never recorded.
struct SecretKey {
  std::string name, key;
};

// How to reach a Prometheus that asks who we are. On a host the files, in a cluster the Secrets.
struct SourceAccess {
  std::optional<SecretKey> token, username, password, certificate, key, authority;
  std::string tenant;  // sent as X-Scope-OrgID; "" is none
};

// In a cluster: the pages of the selected pods themselves.
struct PodPages {
  std::string port;  // a number, or the name of a container's port
  std::string path = "/metrics";
  std::string job = "ordeal";
};

struct Sources {
  std::string prometheus;            // base URL of a real one; "" is none
  std::vector<ScrapeTarget> scrape;  // Ordeal's own scraper
  Nanos interval = 200ms;            // of a tick, and of the scraper
  std::optional<SourceAccess> access;
  std::optional<PodPages> pods;
};

// The error budget that a run must leave: it is refused when its worst case would take more (docs/formats/openslo.md).
struct BudgetSpec {
  std::string slo;         // the OpenSLO file, as named; `ordeal` makes it relative to the file that names it
  double reserve = 0;      // percent of the budget that must be left after the worst case
  std::string prometheus;  // with the history of the whole window; "" is sources.prometheus
};

// In force for `on`, not for `off`, and again, until the attack's length is over.
struct Pulse {
  Nanos on{0}, off{0};
};

// A numeric argument goes from one value to another over the attack's length, in steps of the same length.
struct Ramp {
  std::string argument;
  int64_t steps = 5;
  json::Value value{};  // as the file has it: `from` and `to` are read by the argument's own description
  json::Origin origin{};
};

// One of several attacks, or one that is not in force all the time in the same way (docs/formats/experiment.md).
struct Part {
  std::string name;  // unique within the experiment
  Target target;
  Attack attack;
  Nanos at{0};  // from when what starts first is in force
  std::optional<Pulse> pulse;
  std::optional<Ramp> ramp;
};

// One time in force of one part: all of its length, a pulse, or a step of a ramp (experiment/schedule.h).
struct Stint {
  size_t part = 0;  // of the experiment's
  Nanos at{0};
  Attack attack{};  // of a ramp's step: with its value of the argument

  Nanos length() const { return attack.total(); }
  Nanos end() const { return at + length(); }
};

constexpr const char* kCombined = "combined";  // the type of the attack that stands for several

struct Experiment {
  std::string name;
  std::string description;
  std::string hypothesis;
  Target target;
  Attack attack;                // where there are parts: its length is from the first start to the last end
  std::vector<Part> parts;      // empty: `attack` on `target` all the time, and nothing else
  std::vector<Stint> schedule;  // of the parts, once their arguments are resolved; in the order of their starts
  std::vector<Expectation> expect;
  Sources sources;
  std::optional<uint64_t> seed;
  double min_injected = 100;  // percent of the chosen victims that must be hit
  Nanos baseline = 5s;        // watching before the attack
  Nanos recovery = 30s;       // see recovery_of()
  std::string environment;    // must be the cluster's where its policy says so; "" is not said
  bool all_traffic = false;   // in a cluster a network fault with neither peer nor port needs it
  std::optional<std::vector<RollbackAction>> rollback;  // after a breach, in order; an empty list is none on purpose
  std::optional<BudgetSpec> budget;

  bool is_combined() const { return attack.type == kCombined && !parts.empty(); }
};

// How long after the attack it may take until the expectation holds: the recovery, or its `within` where that is
// longer.
Nanos recovery_of(const Experiment& experiment, const Expectation& expectation);
// The longest of those judged after the attack; the recovery without any.
Nanos longest_recovery(const Experiment& experiment);

// http or https, a host, and a port from 1 to 65535 when there is one.
bool is_http_url(std::string_view url);
// A host name, or an address of IPv4 or IPv6; no port, no brackets.
bool is_plain_host(std::string_view text);
// "4", "6", or "" for what is no address.
std::string_view family_of_address(const std::string& text);
// Whether it is a name, or an address of that family: any, ipv4, ipv6.
bool is_of_family(const std::string& host, const std::string& family);
constexpr const char* kUrlExpected = "a URL such as http://127.0.0.1:8000/metrics";

Result<Experiment> decode_experiment(const json::Document& document);
// The file of --expect: {expect: […], sources: …, hypothesis, baseline, recovery, rollback}. Expectations of the
// same name are an error; a value that both files give and that differs is an error.
Result<> merge_expectations(Experiment& experiment, const json::Document& document);

json::Value to_json(const Experiment& experiment);

}  // namespace ordeal
