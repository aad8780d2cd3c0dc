// Course: how one Injection goes on its node, from the first look at its Experiment to the end of its finaliser. Pure:
// what happened goes in, what is to be done comes out, and time is a parameter. It decides when an impact ends, and
// never waits for anybody to end it: neither the API server nor a status that was not written holds up a revert.
//
// An impact lives only while consistent reads show that it may, each at most lease/3 after the last: of the Experiment,
// with a larger renewal count within the lease; of the Halt; and of the policy and the pods of the node, by which its
// victims are judged again each time. None of them may fail for longer than the lease.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/model/cluster/resources.h"
#include "core/model/victim.h"
#include "fault/guard/link/client.h"

namespace ordeal::agent {

// What of an Experiment decides about its impacts.
struct ExperimentLook {
  std::string uid;
  bool deleting = false;
  std::string run;
  cluster::Renewal renewal;
};
ExperimentLook look_of(const cluster::ExperimentObject& experiment);

// Why something has ended that the controller did not end: `by` as InjectionStatus::halted_by.
struct EndCause {
  std::string by;
  std::string why;
};
// Why impacts of `spec` may not be in force; nothing: they may. No look: there is no such Experiment.
std::optional<EndCause> cause_to_end(const cluster::InjectionSpec& spec, const std::optional<ExperimentLook>& look);

namespace happened {
// A consistent read; `asked` is when it was sent, so that what it shows was true no earlier.
struct ReadExperiment {
  std::optional<ExperimentLook> look;  // nothing: there is none
  BootTime asked;
};
struct SawExperiment {  // watched: it may be old
  std::optional<ExperimentLook> look;
};
struct CouldNotRead {
  std::string why;
};
struct SawHalt {
  std::optional<cluster::Halt> halt;
  bool read = false;  // consistently; else watched
};
// The victims, judged anew by what the policy, the pods and the node are now; `asked` is when those were read.
struct LookedAgain {
  std::vector<Result<Victim>> victims;
  BootTime asked;
};
// kRefused: they have been read, and allow nothing any more.
struct CouldNotLook {
  Error error;
};
struct FoundVictims {
  std::vector<Result<Victim>> victims;  // of each impact of the spec, in its order
};
// Nothing can be injected: the policy, the pods, or the guard.
struct CannotBegin {
  Error error;
};
struct GuardReady {};
struct GuardSaid {
  guard::GuardEvent event;
};
struct GuardLost {
  std::string how;
  std::string failed;  // what may still be in force; "" is nothing
};
struct GuardEnded {
  std::optional<Error> error;
};
struct StatusWritten {};  // the last one that was asked for, or nobody can write it any more
struct Released {};       // the finaliser is gone, or the Injection is
struct Stop {             // of this host or this program
  EndCause cause;
};
}  // namespace happened
using Happened = std::variant<happened::ReadExperiment, happened::SawExperiment, happened::CouldNotRead,
                              happened::SawHalt, happened::LookedAgain, happened::CouldNotLook, happened::FoundVictims,
                              happened::CannotBegin, happened::GuardReady, happened::GuardSaid, happened::GuardLost,
                              happened::GuardEnded, happened::StatusWritten, happened::Released, happened::Stop>;

namespace todo {
struct ReadExperiment {};
struct ReadHalt {};
struct FindVictims {};
struct LookAgain {};  // none is under way
struct StartGuard {};
struct Check {
  int impact;
};
struct Inject {
  int impact;
};
struct Renew {};
struct RevertAll {
  std::string why;
};
struct EndGuard {};
struct WriteStatus {};  // status(), in place of an earlier one that is not written yet
struct Release {};      // takes the finaliser away
struct EngageLatch {
  std::string why;
};
}  // namespace todo
using ToDo = std::variant<todo::ReadExperiment, todo::ReadHalt, todo::FindVictims, todo::LookAgain, todo::StartGuard,
                          todo::Check, todo::Inject, todo::Renew, todo::RevertAll, todo::EndGuard, todo::WriteStatus,
                          todo::Release, todo::EngageLatch>;
using ToDos = std::vector<ToDo>;

class Course {
 public:
  // `agent` is for the status: the agent's pod and boot.
  Course(cluster::InjectionSpec spec, std::string agent, WallOffset offset);
  Course(const Course&) = delete;
  Course& operator=(const Course&) = delete;

  ToDos start(BootTime now);
  ToDos handle(BootTime now, Happened what);
  // What is due by the clock.
  ToDos tick(BootTime now);
  BootTime next_wake() const;

  const cluster::InjectionSpec& spec() const { return spec_; }
  const cluster::InjectionStatus& status() const { return status_; }
  // Of an impact whose victim was found.
  const Victim& victim(int impact) const { return *find(impact)->victim; }
  const Attack& attack(int impact) const { return find(impact)->planned->attack; }
  // Nothing is in force, and nothing is about to be.
  bool at_rest() const { return stage_ >= Stage::kReporting; }
  bool finished() const { return stage_ == Stage::kDone; }

 private:
  enum class Stage {
    kLooking,    // may it begin? Experiment and Halt are read
    kFinding,    // policy, pods and processes
    kStarting,   // the guard
    kChecking,   // each impact, nothing done
    kWaiting,    // for the Experiment's go
    kGoing,      // it may go; the victims are judged once more
    kInjecting,  // the impacts, one answer each
    kInForce,
    kReverting,
    kEnding,     // the guard
    kReporting,  // the last status
    kReleasing,  // the finaliser
    kDone
  };
  enum class Progress { kPlanned, kAsked, kChecked, kInForce, kOver, kFailed };
  struct Impact {
    const cluster::PlannedImpact* planned = nullptr;
    cluster::ImpactStatus* status = nullptr;
    std::optional<Victim> victim;
    Progress progress = Progress::kPlanned;
    BootTime applied{};
  };

  void on(happened::ReadExperiment& what);
  void on(happened::SawExperiment& what);
  void on(happened::CouldNotRead& what);
  void on(happened::SawHalt& what);
  void on(happened::LookedAgain& what);
  void on(happened::CouldNotLook& what);
  void on(happened::FoundVictims& what);
  void on(happened::CannotBegin& what);
  void on(happened::GuardReady& what);
  void on(happened::GuardSaid& what);
  void on(happened::GuardLost& what);
  void on(happened::GuardEnded& what);
  void on(happened::StatusWritten& what);
  void on(happened::Released& what);
  void on(happened::Stop& what);
  void guard_said(const guard::GuardEvent& event);
  void applied(Impact& impact, const guard::GuardEvent& event);
  void reverted(Impact& impact, const guard::GuardEvent& event);

  void look_whether_to_begin();
  void look_for_go(const cluster::Renewal& renewal);
  void ask_all(Progress of, bool inject);
  // After each answer of the guard.
  void go_on();
  void end_with_the_lease();
  void end(const EndCause& cause);
  void end_guard();
  void report();
  void tell_what_is_left();
  void fail_impact(Impact& impact, const Error& error);
  void fail_rest(const Error& error);
  void say(const char* state);
  void read_all();
  void look_again();
  void look_ended();
  bool lives() const { return stage_ < Stage::kReverting; }
  size_t count(Progress progress) const;
  Impact* find(int impact);
  const Impact* find(int impact) const;
  void do_next(ToDo what) { out_.push_back(std::move(what)); }

  cluster::InjectionSpec spec_;
  cluster::InjectionStatus status_;
  WallOffset offset_;
  std::vector<Impact> impacts_;  // as in the spec
  Stage stage_ = Stage::kLooking;
  BootTime now_{};
  ToDos out_;

  std::optional<ExperimentLook> looked_;              // the last consistent read
  BootTime confirmed_{};                              // when that was asked for which showed the largest count so far
  std::optional<BootTime> read_at_;                   // the next one; nothing: one is under way
  BootTime asked_{};                                  // the last one
  std::string no_read_;                               // why the last one failed
  BootTime halt_read_{};                              // when the Halt was last read
  BootTime judged_{};                                 // when that was read by which the victims were last judged
  std::optional<BootTime> look_at_;                   // the next attempt, after one that failed
  bool looking_ = false, look_after_ = false;         // one is under way; another is to follow it
  std::string no_look_;                               // why it did
  BootTime going_{};                                  // when the go was read
  std::optional<std::optional<cluster::Halt>> halt_;  // as last seen; nothing: not read yet
  std::optional<BootTime> tell_at_;                   // something has changed meanwhile that the controller waits for
  bool guard_ = false;
  std::string left_;  // what may still be in force once nobody is there any more who reverts; "" is nothing
};

// kInvalidInput: what no course is for, by its field ("spec.lease: …").
Result<> check_spec(const cluster::InjectionSpec& spec, const std::string& node);

}  // namespace ordeal::agent
