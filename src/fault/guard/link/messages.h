// Messages between engine, guard, reaper and standby (docs/formats/guard.md): one struct for each, and one codec, in
// which messages.cc names the fields of each once. A message is an object with `v`, `op` and its fields. Whoever gets
// one with an operation or a field that is not understood treats it like one that cannot be read: it reverts at once.
#pragma once

#include <sys/types.h>

#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/json/value.h"
#include "core/model/input/attack.h"
#include "core/model/proof.h"
#include "core/model/victim.h"
#include "fault/attacks/undo.h"
#include "fault/guard/link/heartbeat.h"
#include "fault/guard/recovery/dead_runs.h"
#include "fault/packets/exemption.h"

namespace ordeal::guard {

constexpr int kWireVersion = 1;

namespace messages {

struct Bye {};

// Which of the experiment's attacks hits a victim, and how many candidates it has.
struct Share {
  int part = 0;
  int64_t candidates = 1;
};

// The engine to the guard.
struct Hit {
  int impact = 0;
  Victim victim;
  Attack attack;
  int64_t candidates = 1;  // of all attacks
  std::vector<packets::Exemption> exemptions;
  Share share{};
};
struct Apply : Hit {};
struct Check : Hit {
  bool ahead = false;  // its attack comes later: nothing is held for it
};
struct Renew {};
struct Revert {
  std::string why;
};

// The guard to the engine.
struct Ready {
  bool journalled = false;  // the reaper has a cgroup of its own
  Nanos silence{0};         // how long the guard may be silent
};
struct Checked {
  int impact = 0;
};
struct Failure {
  int impact = 0;
  Errc code = Errc::kInternal;
  std::string error, hint;
};
struct CheckFailed : Failure {};
struct ApplyFailed : Failure {};
struct Applied {
  int impact = 0;
  std::string victim;
  std::vector<Step> steps;
  BootTime applied;
};
struct VictimGone {
  int impact = 0;
  std::string victim, why;
};
struct Reverted {
  int impact = 0;
  std::string victim, why;
  BootTime applied, reverted;
  Nanos took{0};
  bool broken = false;  // it stopped working before anybody ended it
  bool clean = true;
  std::string error;
  Proof proof;
};
struct End {
  std::string by;  // engine, latch, person, lease, error
  std::string why;
};
struct Halting : End {};
struct Halted : End {};
struct NothingInForce {};

// The guard to the reaper.
struct Record {
  int number = 0;
  fault::UndoRecord undo;
};
struct Undo {
  int number = 0;
};
// The reaper to the guard.
struct ReaperReady {
  bool own_cgroup = false;
  int pid = 0;
};
struct Done {
  int number = 0;
  bool ok = false;
  Errc code = Errc::kInternal;  // and the error: of what is not ok
  std::string error;
};

// The engine to the standby, and back.
struct EndRun {
  Nanos grace{0};
};
struct StandbyReady {
  bool own_cgroup = false;
};
struct RunEnded {
  std::optional<DeadRun> run;  // or why nobody knows what became of it
  std::string error;
};

}  // namespace messages

using ToGuard = std::variant<messages::Apply, messages::Check, messages::Renew, messages::Revert, messages::Bye>;
using FromGuard = std::variant<messages::Ready, messages::Checked, messages::CheckFailed, messages::Applied,
                               messages::ApplyFailed, messages::VictimGone, messages::Reverted, messages::Halting,
                               messages::Halted, messages::NothingInForce, Beat>;
using ToReaper = std::variant<Beat, messages::Record, messages::Undo, messages::Bye>;
using FromReaper = std::variant<messages::ReaperReady, Beat, messages::Done>;
using ToStandby = std::variant<messages::EndRun, messages::Bye>;
using FromStandby = std::variant<messages::StandbyReady, messages::RunEnded>;

// Of the six variants above.
template <typename Messages>
json::Object to_message(const Messages& message);
template <typename Messages>
Result<Messages> from_message(const json::Object& message);

// The answer of `ordeal-guard --replay`: what became of dead runs, or why nothing was looked at.
struct ReplayAnswer {
  std::vector<DeadRun> runs;
  std::string error, hint;
};
json::Object to_json(const ReplayAnswer& answer);
Result<ReplayAnswer> replay_answer_from_json(const json::Value& value);

}  // namespace ordeal::guard
