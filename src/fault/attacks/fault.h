// Fault: one kind of attack, in one file. It describes itself, plans on one victim without touching anything, and
// applies. Impact: the attack in force on one victim; it lives on file descriptors and children that the guard
// holds, so that the guard's death ends it. Only the guard calls apply(). Everything runs on the guard's one thread.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/result.h"
#include "core/model/input/experiment.h"
#include "core/model/victim.h"
#include "fault/attacks/undo.h"
#include "fault/attacks/usability.h"
#include "fault/attacks/victim/protection.h"
#include "fault/attacks/victim/reach.h"
#include "fault/packets/exemption.h"
#include "platform/host/features.h"

namespace ordeal::fault {

// What a fault may use while it is applied and in force.
struct Context {
  BootTime now;
  Nanos length;
  Random* random = nullptr;
  UndoLog* undo = nullptr;  // must hold the undo, fsynced, before a journalled change is made
  std::vector<packets::Exemption> exemptions;
  ProtectionNow protection = only_always_protected;  // asked again before each act
};

// What an attack takes of something that the host has only so much of, on one victim.
struct Demand {
  std::string of;    // "CPUs", "memory"
  std::string unit;  // as in core/base/text/quantity.h; "" for a bare number
  double asked = 0;
  double there = 0;  // on this host, for all victims together
};

class Impact {
 public:
  virtual ~Impact() = default;  // ends the impact, if need be without grace

  // Descriptors to poll for reading, and the next time to call work(); both may change after each call.
  virtual std::vector<int> descriptors() const { return {}; }
  virtual std::optional<BootTime> next_work() const { return std::nullopt; }
  // Called when a descriptor is ready or next_work() has come. An error ends the impact.
  virtual Result<> work(BootTime /*now*/) { return {}; }
  // True when the next work() looks at many processes, or at a disk: the guard says so beforehand, so that a slow
  // machine is not taken for a hung guard. Anything else must be done in a few milliseconds.
  virtual bool is_long(BootTime /*now*/) const { return false; }
  // False while it waits for what it needs first, and does nothing to anybody. Once true it stays so.
  virtual bool in_force() const { return true; }
  // Extends what the kernel holds by another 1 s; called every 250 ms.
  virtual Result<> renew() { return {}; }
  // Starts to end it, for what takes a while to be over and can go on without us: of many, all are let go before one is
  // waited for. When it should be over; nothing where revert() does it all. revert() comes next.
  virtual std::optional<BootTime> let_go() { return std::nullopt; }
  // It was let go and is not over: revert() would wait.
  virtual bool is_going() const { return false; }
  // Ends the impact cleanly (held packets are let go); idempotent. kRevertFailed when something stays behind.
  virtual Result<> revert() = 0;
  // What was measured so far. After revert(): of the whole impact.
  virtual Proof proof(BootTime now) const = 0;
  // Somebody who is not the victim's has come into reach. True when the impact has taken back what reaches them and
  // goes on, from then on with whole_victim() as its reach; false when it must end.
  virtual Result<bool> leave_others_alone() { return false; }
  // True for attacks whose effect is that the victim goes (kill, shutdown); then a gone victim is no end.
  virtual bool outlives_victim() const { return false; }
};

class Fault {
 public:
  virtual ~Fault() = default;
  virtual const AttackInfo& info() const = 0;
  // Whether a machine of these features can have it, and by which mechanism. Looks at nothing else.
  virtual Usability usability(const host::Features& features) const = 0;
  // What the resolved arguments must be besides what info() says of each alone. Looks at no victim.
  virtual Result<> check_arguments(const Attack& /*attack*/) const { return {}; }
  // What becomes of it at the end, with these arguments.
  virtual StepKind kind(const Attack& /*attack*/) const { return info().step; }
  // Of one that only looks: what must hold, as its arguments say it.
  virtual std::vector<Expectation> looks(const Attack& /*attack*/) const { return {}; }
  // The steps on this victim, with the mechanism that this machine would use. Reads only. kRefused for what safety
  // forbids ("other processes share the network namespace"), kUnsupported for what the kernel cannot do.
  // What reach() says is judged by the caller; a fault that chooses processes judges each by `protection`.
  virtual Result<std::vector<Step>> plan(const Victim& victim, const Attack& attack,
                                         const Protection& protection = Protection()) const = 0;
  // What plan() leaves open because whoever plans need not have the guard's rights: whether they suffice for every
  // step. Reads only; called before anything is done.
  virtual Result<> may_apply(const Victim& /*victim*/, const Attack& /*attack*/,
                             const Protection& /*protection*/) const {
    return {};
  }
  // Whom it hits while it is in force; whoever applies it refuses, and ends it, when somebody protected is among them.
  virtual Result<Reach> reach(const Victim& victim, const Attack& /*attack*/) const { return whole_victim(victim); }
  // What `plan` says of the host names in the arguments, as they are now. It may wait for a resolver: not in the guard.
  // kNotFound for a name that stands for nothing.
  virtual Result<std::vector<std::string>> names_now(const Attack& /*attack*/) const {
    return std::vector<std::string>();
  }
  // What it would take on this victim; nothing where that is not a share of the host. Reads only.
  virtual Result<std::optional<Demand>> demand(const Victim& /*victim*/, const Attack& /*attack*/) const {
    return std::optional<Demand>();
  }
  virtual Result<std::unique_ptr<Impact>> apply(const Victim& victim, const Attack& attack,
                                                const Context& context) const = 0;
};

// The explicit table of all faults; see faults.h.
const std::vector<const Fault*>& all_faults();
// kInvalidInput with the nearest name when there is none.
Result<const Fault*> find_fault(const std::string& type);
// For an attack as it stands in a file: finds its fault, checks every argument and fills in the defaults.
Result<const Fault*> resolve(Attack& attack);

}  // namespace ordeal::fault
