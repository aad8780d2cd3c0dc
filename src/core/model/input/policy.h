// Policy: blast radius, protection and caps, also as a ConfigMap states them (docs/formats/policy.md).
// In scope: the namespace AND all labels. Protected: the namespace OR any label; protection always wins.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/json/yaml.h"
#include "core/model/victim.h"

namespace ordeal {

struct ScopeRule {
  std::vector<std::string> namespaces;  // empty: any
  Labels labels;
};

struct Policy {
  std::string origin;  // the file, for messages
  std::optional<ScopeRule> blast_radius;
  std::vector<std::string> protected_namespaces;
  Labels protected_labels;
  std::optional<int64_t> max_targets;  // over all active runs
  std::optional<double> max_percent;   // of the candidates of one selection
  std::optional<int64_t> max_runs;
  // In a cluster only (fault/target/cluster/gates.h); each is off while it is not set.
  std::optional<double> max_namespace_percent;  // of the running pods of a namespace
  std::optional<double> max_cluster_percent;    // of all running pods
  std::optional<int64_t> min_running;           // pods that match the target and go on running, before and during
  std::optional<double> min_running_percent;    // of those that match
  std::string environment;                      // what this cluster is
  bool require_environment = false;             // an experiment must name it
  bool require_all_traffic = true;              // see Experiment::all_traffic
  bool cross_namespace = false;                 // an experiment may hit pods outside its own namespace
};

// Why a victim may not be hit: the rule by name, "policy.yaml: protected.namespaces lists \"production\"".
struct Refusal {
  std::string victim;
  std::string rule;
};

// A plain file {blast_radius, protected, caps} or a ConfigMap whose data holds such a file under any one key.
Result<Policy> decode_policy(const json::Document& document, std::string origin);

std::optional<Refusal> refusal_of(const Policy& policy, const Victim& victim);

// How many of n matches a percentage takes: floor(n * percent / 100). n >= 0, 0 <= percent <= 100.
int64_t take_percent(int64_t n, double percent);

// What other active runs already hold, for the caps.
struct ActiveLoad {
  int64_t runs = 0;
  int64_t targets = 0;
  int64_t candidates = 0;  // of the selection itself: those among its candidates that are not chosen and hit already
};
// The first cap that `chosen` of `candidates` more victims would break, as a rule by name.
std::optional<std::string> cap_broken(const Policy& policy, const ActiveLoad& active, int64_t chosen,
                                      int64_t candidates);

}  // namespace ordeal
