// The custom resources by which controller and agents speak: Experiment (its status; the spec is
// model/input/experiment), Injection and Halt. docs/formats/resources.md describes them for people; charts/ordeal/crds
// holds their schemas.
//
// Who writes what: people the spec of an Experiment and of the Halt; the controller the status of Experiments and the
// spec of Injections (never changed once it is made); the agent of a node the status of its Injections, at most twice
// in a run without trouble: when its impacts are in force (or, of one-way attacks, checked), and when all are reverted.
// Wall clocks of two machines are never compared: durations travel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/cluster/condition.h"
#include "core/model/input/attack.h"
#include "core/model/proof.h"
#include "core/model/run/verdict.h"

namespace ordeal::cluster {

constexpr Nanos kClusterLease = 15s;
constexpr Nanos kLongestLease = 60s;  // an Injection that asks for more is refused

// What a controller writes on the Experiment at least every lease/3, after a tick of watching.
struct Renewal {
  int64_t count = 0;  // grows with each renewal; what does not grow is no renewal
  std::string halt;   // the Halt that it has seen released: "UID/GENERATION"; "" is none
  bool go = false;    // one-way attacks may act: all victims were checked
  std::string stop;   // why everything is to be reverted; "" is go on. Never taken back within a run
  bool operator==(const Renewal&) const = default;
};

// One line per expectation, for people.
struct LookLine {
  std::string name;
  std::string value;    // "result 0.0021", as the terminal says it
  std::string reading;  // holds, breached, undecided, no data
  bool operator==(const LookLine&) const = default;
};

struct ExperimentStatus {
  int64_t observed_generation = 0;
  std::string run;      // the run's id; "" before it is admitted
  std::string holder;   // the controller that hosts it
  std::string phase;    // as a run's phases: check, before, inject, during, revert, after, done
  std::string verdict;  // held, deviated, …; "" before the end
  std::string reason;   // the sentence with the deciding number
  std::optional<int> exit;
  int64_t candidates = 0, victims = 0, injected = 0, reverted = 0;
  std::string started, ended;  // RFC 3339
  Renewal renewal;
  std::vector<LookLine> looks;
  std::vector<Condition> conditions;
  bool operator==(const ExperimentStatus&) const = default;
};

json::Value to_json(const ExperimentStatus& status);
// Of `status` of an Experiment; an absent one is a fresh one.
Result<ExperimentStatus> experiment_status_from_json(const json::Value* status);

// Which pod, container or node an impact hits. The agent finds the processes itself, and reads the labels itself.
struct ClusterVictim {
  std::string kind;  // pod, container, node
  std::string namespace_, pod, uid;
  std::string container, container_id;  // of kind container
  bool operator==(const ClusterVictim&) const = default;
};

struct PlannedImpact {
  int id = 0;  // unique within the run
  ClusterVictim victim;
  Attack attack;                   // resolved
  Nanos at{0};                     // after the Injection's begin; 0 until several attacks exist
  std::vector<std::string> peers;  // addresses; empty until attacks have them
};

struct InjectionSpec {
  std::string run;
  std::string experiment, experiment_uid;  // in the Injection's own namespace
  std::string node;
  Nanos lease = kClusterLease;
  bool waits_for_go = false;  // check only; act when the Experiment's renewal says `go`
  int64_t candidates = 1;     // of the whole run, for caps that are shares
  int nodes = 1;              // that were asked at once
  std::vector<PlannedImpact> impacts;
};

struct ImpactStatus {
  int id = 0;
  std::string state;  // checked, injected, failed, gone, reverted
  std::string error, hint;
  std::string code;  // of an error: refused, not_injected, unsupported, revert_failed, system, internal
  std::vector<Step> steps;
  Nanos in_force{0};  // how long it was, once it is reverted
  Nanos took{0};      // to revert
  bool broken = false;
  bool clean = true;
  std::string why;
  std::optional<Proof> proof;
};

struct InjectionStatus {
  std::string state;           // checked, injected, reverted; "" before the agent has seen it
  std::string agent;           // the agent's pod and boot
  int64_t renewal = 0;         // the count that was last confirmed
  std::string halted_by, why;  // what ended it, where it was not the controller: latch, person, lease, error
  std::vector<ImpactStatus> impacts;
  std::vector<Condition> conditions;  // Injected, Reverted
};

// Within which an agent may say that all is reverted, so that those of many nodes do not at once: 8 ms for each node,
// at most half of the lease. An API server on two cores takes some 120 such writes a second (tests/cluster/scale.py).
Nanos may_report_within(const InjectionSpec& spec);
// Nothing but what its controller expects, so that this status need not be the first.
bool is_expected_end(const InjectionStatus& status);

struct Injection {
  std::string namespace_, name, uid, version;
  bool deleting = false;
  bool has_finalizer = false;
  InjectionSpec spec;
  InjectionStatus status;
};

// The whole object, with apiVersion, kind, metadata (labels, owner, finalizer) and spec.
json::Value injection_to_create(const Injection& injection);
json::Value to_json(const InjectionStatus& status);
// Errors name the field: "spec.impacts[3].victim.uid: expected text".
Result<Injection> injection_from_json(const json::Value& object);
// What can be read of it, so that no finaliser is left: where its status makes no sense all but that; where its spec
// makes none what its metadata says, with the longest lease. `why` gets what was wrong. Nothing where it has no name.
std::optional<Injection> injection_as_readable(const json::Value& object, std::string& why);
// Of one that may be unreadable otherwise: that it is there, and whether it is to be deleted.
struct ObjectLife {
  std::string uid;  // "" where not even that can be read
  bool deleting = false;
};
ObjectLife life_of(const json::Value& object);

// What stops everything in the cluster while it is there and engaged. Anything that cannot be read counts as engaged.
struct Halt {
  std::string uid;
  int64_t generation = 0;
  bool engaged = true;
  std::string reason, by;
  std::string version;      // resourceVersion
  std::string tag() const;  // "UID/GENERATION", for Renewal::halt
};
// No pointer: there is none. An answer that is empty or no object is one that cannot be read.
std::optional<Halt> halt_from_json(const json::Value* object);

// An Experiment as the API has it; `spec` is decoded by decode_experiment (model/input/experiment.h).
struct ExperimentObject {
  std::string namespace_, name, uid, version;
  int64_t generation = 0;
  bool deleting = false;
  json::Value object;  // as it came, without managedFields
  ExperimentStatus status;
};
Result<ExperimentObject> experiment_object_from_json(json::Value&& object);

}  // namespace ordeal::cluster
