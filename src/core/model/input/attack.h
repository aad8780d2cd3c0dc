// Attack: one kind of fault with its arguments, as decoded from a file; and what an attack says of itself. That
// description is the only master of the arguments: files are checked by it, and `ordeal attacks`, docs/attacks.md and
// the JSON Schema are made from it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/reader.h"
#include "core/model/proof.h"
#include "core/model/victim.h"

namespace ordeal {

// `args` is checked and completed against the attack's own description: after `resolve_arguments` every argument
// that has a default is present, durations are text with their unit ("500ms").
struct Attack {
  std::string type;
  json::Object args;
  Nanos length = 60s;
  Nanos lead_in{0};         // passes before the effect (a shutdown's delay); set by resolve_arguments
  int64_t min_events = 10;  // fewer hit packets, of one victim and direction, prove nothing
  // Which arguments somebody gave, the others being defaults; set by resolve_arguments, nothing where it is not known.
  std::optional<std::vector<std::string>> given{};
  json::Origin origin{"attack", {}};  // for errors
  std::vector<Victim> peers{};        // whom an argument `peer` has selected; set where victims are

  Nanos total() const { return lead_in + length; }
};

enum class ArgumentKind {
  kDuration,
  kPercent,
  kInteger,
  kBoolean,
  kText,
  kTextList,
  kPortList,
  kHostList,
  kAddressList,
  kWord,
  kTarget,
  kNumber
};
const char* to_text(ArgumentKind kind);

struct ArgumentInfo {
  std::string name;
  ArgumentKind kind;
  Nanos unit = 1s;       // of a bare number, for durations
  std::string fallback;  // JSON text of the default; "" is required, "null" is absent
  std::string help;      // one sentence, with unit and range
  std::string gremlin;   // Gremlin's flag, and where our meaning or default differs; "" when it has none
  double least = 0;      // seconds, for durations
  double most = 1e9;
  std::vector<std::string> choices;  // of a kWord

  bool required() const { return fallback.empty(); }
  // What a value must be: "a duration from 1us to 60s", "one of arrival, departure, both".
  std::string expected() const;
};

// The undo guarantee of a change.
enum class StepKind { kOwned, kJournalled, kOneWay };

// What of the network must be hit to prove it: `min_events` packets, one, connections that stand, or DNS questions,
// whose sockets are there for a moment only.
enum class Hits { kPackets, kOnePacket, kConnections, kQuestions };

struct AttackInfo {
  std::string type;
  std::string summary;
  std::vector<ArgumentInfo> arguments;
  StepKind step;                          // of the preferred mechanism
  std::vector<std::string> mechanisms;    // in order of preference
  std::vector<std::string> capabilities;  // "CAP_NET_ADMIN in the target's network namespace"
  std::string proof;                      // what is measured to prove the impact
  std::vector<std::string> limits;        // what it refuses or cannot prevent, a sentence each
  std::string judged;                     // on whom protection is judged, what is refused, what ends it later
  // What it could at most be noticed by; {NAME} stands for the argument.
  std::string noticed;
  std::string when_frozen;  // what is left of it if Ordeal's own cgroup is frozen
  std::string lead_in;      // the duration argument that passes before the effect; the length counts from its end
  std::string example;      // a small experiment, in YAML
  // It changes nothing and hits nobody: its expectations (Fault::looks) are the whole of it, without a guard.
  bool only_looks = false;
  bool hits_network = false;   // so that Ordeal's own watching must be left alone
  Hits hits = Hits::kPackets;  // where it does
  // In a cluster a whole pod means its default container: limits and metrics are of containers, and what is beside them
  // in the pod's cgroup is in nobody's account.
  bool of_container = false;
};

// Checks `attack.args` against `info` and fills in defaults. Errors name the field: "attack.args.delay: …".
Result<Attack> resolve_arguments(const Attack& attack, const AttackInfo& info);
// An error of the field `name`, a path below the attack: "type", "args.delay".
// info.noticed with the values of resolved arguments.
std::string noticed_at_most(const Attack& attack, const AttackInfo& info);
Unexpected refuse_field(const Attack& attack, std::string_view name, std::string_view why);

// Typed reads of resolved arguments; calling one for an argument of another kind is a bug.
Nanos duration_argument(const Attack& attack, const std::string& name);
double number_argument(const Attack& attack, const std::string& name);
bool flag_argument(const Attack& attack, const std::string& name);
std::string text_argument(const Attack& attack, const std::string& name);  // "" when absent
std::vector<std::string> list_argument(const Attack& attack, const std::string& name);

// One change to the system as data, for `plan`, the record and the journal.
struct Step {
  StepKind kind = StepKind::kOwned;
  std::string victim;
  std::string action;               // "delay packets to port 8000 by 500 ms in network namespace 4026532201"
  std::string undo;                 // "the kernel removes the table when the guard's socket closes"
  std::string proof;                // "packets matched and their added delay"
  std::vector<std::string> claims;  // "netns:4026532201/delay": resource and field, for conflicts
  std::vector<std::string> notes;   // exemptions, differences from Gremlin, warnings
};

const char* to_text(StepKind kind);
// "owned", …; of one that only looks "nothing to undo".
const char* undo_in_words(const AttackInfo& info);
json::Value to_json(const Step& step);
Result<Step> step_from_json(const json::Value& value);
json::Value to_json(const Attack& attack);
Result<Attack> attack_from_json(const json::Value& value);

}  // namespace ordeal
